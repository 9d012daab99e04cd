/** The sending side of one connection: messages to frames to the outbound queue. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection, SendError } from "../Connection.ts"
import { type CodecError, type ConnectionClosed, MessageError, type PayloadError } from "../SluiceError.ts"
import { codecError } from "./codec/schemaCodec.ts"
import type { Offer, OutboundQueue } from "./outboundQueue.ts"
import { settled } from "./settled.ts"
import type { Signal } from "./signal.ts"

/** What sending needs of its connection. */
interface Host<Out> {
  readonly id: number
  readonly shared: {
    readonly encode: (message: Out) => Effect.Effect<Uint8Array, CodecError>
    /** Whether messages are payloads already. */
    readonly identityOut: boolean
  }
  readonly outbound: OutboundQueue
  readonly gone: Signal
  readonly closedError: () => ConnectionClosed
}

type Send<Out> = Connection<never, Out>["send"]
type SendAll<Out> = Connection<never, Out>["sendAll"]

/**
 * A message is encoded by its sender, which therefore learns of it where that fails, and lies in the queue as bytes.
 *
 * Its methods are handed around as functions (`Stream.runForEach(messages, connection.send)`), so they are bound, each
 * when it is first asked for: an idle connection holds none of them.
 */
export class Sender<Out> {
  private readonly host: Host<Out>
  private encoded = 0
  private boundSend: Send<Out> | undefined
  private boundSendAll: SendAll<Out> | undefined

  constructor(host: Host<Out>) {
    this.host = host
  }

  get send(): Send<Out> {
    this.boundSend ??= (message) => Effect.suspend(() => this.sendNow(message))
    return this.boundSend
  }

  get sendAll(): SendAll<Out> {
    this.boundSendAll ??= (messages) => Effect.suspend(() => this.sendFrom(messages, 0, false))
    return this.boundSendAll
  }

  get trySend(): Connection<never, Out>["trySend"] {
    return (message) =>
      Effect.suspend(() =>
        Effect.flatMapEager(this.encode(message), (payload) => {
          const offer = this.host.outbound.offer(payload)
          return offer === "full" ? Exit.succeed(false) : Exit.map(this.outcome(offer), () => true)
        })
      )
  }

  get sendAwait(): Send<Out> {
    return (message) => Effect.flatMap(this.send(message), () => this.awaitWritten())
  }

  private encode(message: Out): Effect.Effect<Uint8Array, MessageError> {
    const index = this.encoded++
    try {
      return Effect.mapErrorEager(this.host.shared.encode(message), (issue) =>
        this.outboundError(index, issue)
      )
    } catch (defect) {
      return Exit.fail(this.outboundError(index, codecError("codec", String(defect))))
    }
  }

  private payload(message: Out): Uint8Array {
    this.encoded++
    // Only with the codec whose messages are payloads.
    return message as unknown as Uint8Array
  }

  private outboundError(index: number, issue: CodecError | PayloadError): MessageError {
    return new MessageError({ connection: this.host.id, direction: "outbound", index, issue, excerpt: "" })
  }

  private sendNow(message: Out): Effect.Effect<void, SendError> {
    if (this.host.shared.identityOut) return this.sendPayload(this.payload(message), false)
    const payload = this.encode(message)
    const exit = settled(payload)
    return exit !== undefined && Exit.isSuccess(exit)
      ? this.sendPayload(exit.value, false)
      : Effect.flatMap(payload, (bytes) => this.sendPayload(bytes, false))
  }

  private sendPayload(payload: Uint8Array, admitted: boolean): Effect.Effect<void, SendError> {
    const offer = this.host.outbound.offer(payload, admitted)
    return offer === "full"
      ? Effect.flatMap(this.host.outbound.awaitRoom(), () => this.sendPayload(payload, true))
      : this.outcome(offer)
  }

  /** A batch, from its message at `from` on. Only what has to wait becomes an effect. */
  private sendFrom(
    messages: ReadonlyArray<Out>,
    from: number,
    admitted: boolean
  ): Effect.Effect<void, SendError> {
    const { outbound, shared } = this.host
    for (let i = from; i < messages.length; i++) {
      // Within the bounds, see the loop.
      const message = messages[i] as Out
      let payload: Uint8Array
      if (shared.identityOut) {
        payload = this.payload(message)
      } else {
        const encoding = this.encode(message)
        const exit = settled(encoding)
        if (exit === undefined) {
          return Effect.flatMap(encoding, (bytes) =>
            Effect.flatMap(this.sendPayload(bytes, admitted || i > from), () =>
              this.sendFrom(messages, i + 1, true)
            )
          )
        }
        if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
        payload = exit.value
      }
      const offer = outbound.offer(payload, admitted || i > from)
      if (offer === "full") {
        return Effect.flatMap(outbound.awaitRoom(), () =>
          Effect.flatMap(this.sendPayload(payload, true), () => this.sendFrom(messages, i + 1, true))
        )
      }
      if (offer !== "queued") return this.outcome(offer)
    }
    return Exit.void
  }

  private outcome(offer: Exclude<Offer, "full">): Exit.Exit<void, SendError> {
    if (offer === "queued") return Exit.void
    if (offer === "closed") return Exit.fail(this.host.closedError())
    return Exit.fail(this.outboundError(this.encoded - 1, offer))
  }

  /** Completes once the kernel has all that was sent so far; fails where the wire breaks before. */
  private awaitWritten(): Effect.Effect<void, ConnectionClosed> {
    return Effect.callback<void, ConnectionClosed>((resume) => {
      const { gone, outbound } = this.host
      const cancel = gone.onFire(() => resume(Exit.fail(this.host.closedError())))
      if (gone.fired) return undefined
      outbound.onceWritten(() => {
        cancel()
        resume(Exit.void)
      })
      return Effect.sync(cancel)
    })
  }
}
