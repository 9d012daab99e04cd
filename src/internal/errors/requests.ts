/** What requests and deliveries fail with. */
import * as Data from "effect/Data"

/**
 * No reply came in time. `request` is the tag of what was asked. A reply that comes later is left out and counted.
 *
 * @category requests
 * @since 0.1.0
 */
export class RequestTimeout extends Data.TaggedError("RequestTimeout")<{
  readonly connection: number
  readonly request: string
  readonly millis: number
}> {
  override get message(): string {
    return `connection ${this.connection}: no reply to ${this.request} within ${this.millis}ms`
  }
}

/**
 * As many requests as may be are in flight on the connection. Nothing was sent.
 *
 * @category requests
 * @since 0.1.0
 */
export class TooManyRequests extends Data.TaggedError("TooManyRequests")<{
  readonly connection: number
  readonly limit: number
}> {
  override get message(): string {
    return `connection ${this.connection}: ${this.limit} requests are in flight`
  }
}

/**
 * A message was not acknowledged in time, or its sender gave up on it. It may have been handled. `cause` is what the
 * last of the attempts failed with; undefined where none had failed yet.
 *
 * @category requests
 * @since 0.1.0
 */
export class DeliveryExpired extends Data.TaggedError("DeliveryExpired")<{
  readonly session: string
  readonly sequence: number
  readonly attempts: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `delivery ${this.sequence} was not acknowledged after ${this.attempts} attempts`
  }
}
