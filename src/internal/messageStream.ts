/** The stream of a queue's messages, and the short way for those who take all of it. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import type { ConnectionClosed } from "../SluiceError.ts"
import type { ConsumeBatch } from "./batchConsumer.ts"
import { directPath } from "./directPath.ts"
import { caughtBy, streamOfPull } from "./effectInternals.ts"
import type { InboundQueue } from "./inboundQueue.ts"

const queueKey = Symbol("effect-sluice/queue")

interface OfQueue<A> {
  [queueKey]?: InboundQueue<A>
}

/** The messages of a queue. */
export const streamOf = <A>(queue: InboundQueue<A>): Stream.Stream<A, ConnectionClosed> => {
  const pull: ReturnType<InboundQueue<A>["take"]> & OfQueue<A> = queue.take()
  pull[queueKey] = queue
  const stream: Stream.Stream<A, ConnectionClosed> & OfQueue<A> = streamOfPull(Exit.succeed(pull))
  stream[queueKey] = queue
  return stream
}

/** Does something with each batch of a connection's messages. */
export const forEachBatch = <A, E, R>(
  messages: Stream.Stream<A, ConnectionClosed> & OfQueue<A>,
  f: ConsumeBatch<A, E, R>
): Effect.Effect<void, E | ConnectionClosed, R> => {
  const queue = messages[queueKey]
  return queue === undefined || !directPath.enabled
    ? Stream.runForEachArray(messages, (batch) => f(batch, undefined))
    : queue.consume(f, () => queue.outcome())
}

/** How a sink ends that has taken all there was. */
const drained = Exit.succeed<Sink.End<void>>([undefined])

/** A sink that does something with each batch. */
export const sinkOf = <A, E>(
  f: (batch: NonEmptyReadonlyArray<A>) => Effect.Effect<void, E>
): Sink.Sink<void, A, never, E> => {
  return Sink.fromTransform((upstream, scope) => {
    // A stream that is run into a sink hands over its pull with its failures caught.
    const pull = caughtBy(upstream)
    const queue = directPath.enabled && hasQueue<A>(pull) ? pull[queueKey] : undefined
    // What is behind the last batch is how the stream ends, which the sink finds out by itself unless it is known.
    const rest = () => (queue?.endedWell === true ? drained : Sink.forEachArray(f).transform(upstream, scope))
    return queue === undefined ? rest() : queue.consume(f, rest)
  })
}

// A pull is of the type of the sink that it is run into.
const hasQueue = <A>(pull: unknown): pull is { readonly [queueKey]: InboundQueue<A> } =>
  typeof pull === "object" && pull !== null && queueKey in pull
