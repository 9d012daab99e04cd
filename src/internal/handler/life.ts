/** Combinators around the whole handler of a connection: `onOpen`, `onClose`, `catchReason`, `goodbye`. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import type { CloseReason } from "../../CloseReason.ts"
import type { Connection, SendError } from "../../Connection.ts"
import type { Handler } from "../../Handler.ts"
import { holdingOf } from "../coreOf.ts"
import { ownConnection } from "./shared.ts"

/**
 * Runs an effect before the first message is handled. What comes meanwhile waits. A failure is the handler's own.
 *
 * @category combinators
 * @since 0.1.0
 */
export const onOpen =
  <In, Out, E2 = never, R2 = never>(
    f: (connection: Connection<In, Out>) => Effect.Effect<unknown, E2, R2>
  ): (<E, R>(handler: Handler<In, Out, E, R>) => Handler<In, Out, E | E2, R | R2>) =>
  (handler) =>
  (connection) =>
    Effect.flatMap(f(connection), () => handler(connection))

/**
 * Runs an effect when the connection is closed, exactly once, however it ended: by the peer, by a failure, by a stop.
 * It gets the reason that everyone gets. Nothing can be sent any more.
 *
 * It has the time of `closeTimeout`, and the server counts the connection until then: a stop that it asks for must be
 * forked. A defect is logged.
 *
 * @category combinators
 * @since 0.1.0
 */
export const onClose =
  <In, Out, R2 = never>(
    f: (reason: CloseReason, connection: Connection<In, Out>) => Effect.Effect<unknown, never, R2>
  ): (<E, R>(handler: Handler<In, Out, E, R>) => Handler<In, Out, E, R | R2>) =>
  (handler) =>
  (connection) =>
    Effect.flatMap(ownConnection(connection), (own) =>
      Effect.contextWith((context: Context.Context<R2>) => {
        own.onceClosed((reason) => Effect.provideContext(f(reason, connection), context))
        return handler(connection)
      })
    )

/**
 * Runs an effect when the connection has ended for one reason, or one of several; as {@link onClose} does otherwise.
 *
 * **Example** (Who was cut off)
 *
 * ```ts
 * import { Handler } from "effect-sluice"
 * import { Console } from "effect"
 *
 * const handler = Handler.each((line: string) => Console.log(line)).pipe(
 *   Handler.catchReason("DeadlineExceeded", (reason) => Console.log(`too slow: ${reason.deadline}`)),
 *   Handler.catchReason(["PeerReset", "HeartbeatTimeout"], () => Console.log("the peer is gone"))
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const catchReason = <In, Out, const Tag extends CloseReason["_tag"], R2 = never>(
  tag: Tag | ReadonlyArray<Tag>,
  f: (
    reason: Extract<CloseReason, { readonly _tag: Tag }>,
    connection: Connection<In, Out>
  ) => Effect.Effect<unknown, never, R2>
): (<E, R>(handler: Handler<In, Out, E, R>) => Handler<In, Out, E, R | R2>) => {
  const tags: ReadonlyArray<string> = typeof tag === "string" ? [tag] : tag
  const isCaught = (reason: CloseReason): reason is Extract<CloseReason, { readonly _tag: Tag }> =>
    tags.includes(reason._tag)
  return onClose((reason, connection: Connection<In, Out>) =>
    isCaught(reason) ? f(reason, connection) : Effect.void
  )
}

/**
 * Sends a last message of this connection's own when the server begins to stop, after what was sent before, however
 * full the queue is. It is behind the server's own `goodbye`; what the handler still answers goes behind both.
 *
 * @category combinators
 * @since 0.1.0
 */
export const goodbye =
  <In, Out, E2 = never, R2 = never>(
    message: (connection: Connection<In, Out>) => Effect.Effect<Out, E2, R2>
  ): (<E, R>(handler: Handler<In, Out, E, R>) => Handler<In, Out, E | E2 | SendError, R | R2>) =>
  (handler) =>
  (connection) =>
    Effect.flatMap(ownConnection(connection), (own) => {
      // Only who still speaks the protocol of the message can say it, and only while our side is open.
      const say = Effect.suspend(() => message(connection)).pipe(
        Effect.flatMap((last): Effect.Effect<void, SendError> => {
          if (own.speaking !== connection) return Effect.void
          return holdingOf(connection)?.sender.sendLast(last) ?? Effect.void
        }),
        Effect.catchIf(Predicate.isTagged("ConnectionClosed"), () => Effect.void)
      )
      const saying = Effect.andThen(
        connection.draining,
        Effect.suspend(() => (own.speaking === connection ? say : Effect.void))
      )
      return Effect.flatMap(connection.fork(saying), (fiber) =>
        Effect.flatMap(handler(connection), () => (own.drainBegun.fired ? Fiber.join(fiber) : Effect.void))
      )
    })
