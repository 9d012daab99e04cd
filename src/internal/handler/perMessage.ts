/** Handlers of single messages: what is done with one, and how several at once come to it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import type { Connection } from "../../Connection.ts"
import type { ConnectionClosed } from "../../SluiceError.ts"
import { forEachEager } from "../forEachEager.ts"
import { forEachBatch } from "../messageStream.ts"
import { settled } from "../settled.ts"
import { runFlow } from "./flow.ts"

/** What is done with one message. Called when its turn has come; the effect is run at once. */
export type Handle<in In, out E, out R> = (message: In) => Effect.Effect<unknown, E, R>

/** What is done with messages that came together, one after the other. */
export type HandleBatch<in In, out E, out R> = (batch: ReadonlyArray<In>) => Effect.Effect<unknown, E, R>

/** How many messages of a connection are handled at a time, and which of them keep their order. */
export interface FlowPlan<in In> {
  readonly concurrency: number
  /** Messages with the same key are handled one after the other. */
  readonly key: ((message: In) => unknown) | undefined
  /** How many messages may be taken and wait; undefined for what suits the rest. */
  readonly buffer: number | undefined
}

/** What a handler of single messages is made of. `open` runs once for each connection. */
export interface Plan<in In, out Out, out E, out R> {
  readonly open: (connection: Connection<In, Out>) => Effect.Effect<Handle<In, E, R>, never, R>
  /** A shorter way for whole batches, where messages are handled one at a time. */
  readonly openBatch:
    | ((connection: Connection<In, Out>) => Effect.Effect<HandleBatch<In, E, R>, never, R>)
    | undefined
  readonly flow: FlowPlan<In>
}

/** Where a handler of single messages keeps its plan. */
export const PlanKey: unique symbol = Symbol("effect-sluice/Handler/Plan")

/**
 * A handler that is made of what it does with one message. It is a {@link Handler} like any other, and the combinators
 * that speak of single messages (`timeout`, `retry`, `concurrency` and so on) take it by `pipe`.
 *
 * `E` is what handling a message may fail with; the connection ends with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface PerMessage<in In, out Out, out E = never, out R = never> extends Pipeable {
  (connection: Connection<In, Out>): Effect.Effect<unknown, E | ConnectionClosed, R>
  /** Only for the combinators. */
  readonly [PlanKey]: Plan<In, Out, E, R>
}

/** One at a time, in order. */
export const inOrder: FlowPlan<unknown> = { concurrency: 1, key: undefined, buffer: undefined }

/** A handler from its plan. */
export const fromPlan = <In, Out, E, R>(plan: Plan<In, Out, E, R>): PerMessage<In, Out, E, R> =>
  Object.assign((connection: Connection<In, Out>) => run(plan, connection), {
    [PlanKey]: plan,
    // Typed by `Pipeable`, which says of each number of arguments what comes out.
    pipe: function (this: unknown) {
      // biome-ignore lint/complexity/noArguments: what `pipeArguments` takes
      return pipeArguments(this, arguments)
    } as Pipeable["pipe"]
  })

/** A handler that does the same with each message, on any connection. */
export const fromFunction = <In, Out, E, R>(
  f: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
): PerMessage<In, Out, E, R> =>
  fromPlan<In, Out, E, R>({
    open: (connection) => Exit.succeed((message: In) => f(message, connection)),
    openBatch: undefined,
    flow: inOrder
  })

/** What is done with a message, wrapped; anew for each connection. The way of taking messages stays. */
export const wrap = <In, Out, E, R, E2, R2>(
  self: PerMessage<In, Out, E, R>,
  open: (
    inner: Effect.Effect<Handle<In, E, R>, never, R>,
    connection: Connection<In, Out>
  ) => Effect.Effect<Handle<In, E2, R2>, never, R2>
): PerMessage<In, Out, E2, R2> => {
  const plan = self[PlanKey]
  return fromPlan<In, Out, E2, R2>({
    open: (connection) => open(plan.open(connection), connection),
    openBatch: undefined,
    flow: plan.flow
  })
}

/** The handler with another way of taking messages. */
export const withFlow = <In, Out, E, R>(
  self: PerMessage<In, Out, E, R>,
  change: Partial<FlowPlan<In>>
): PerMessage<In, Out, E, R> => {
  const plan = self[PlanKey]
  return fromPlan({ ...plan, flow: { ...plan.flow, ...change } })
}

const run = <In, Out, E, R>(
  plan: Plan<In, Out, E, R>,
  connection: Connection<In, Out>
): Effect.Effect<unknown, E | ConnectionClosed, R> => {
  const { flow, open, openBatch } = plan
  if (flow.concurrency > 1 || flow.key !== undefined || (flow.buffer ?? 0) > 0) {
    return Effect.flatMap(open(connection), (handle) => runFlow(connection, handle, flow))
  }
  if (openBatch !== undefined) {
    return Effect.flatMap(openBatch(connection), (handle) => forEachBatch(connection.messages, handle))
  }
  const each = (handle: Handle<In, E, R>) =>
    forEachBatch(connection.messages, (batch, consumer) => forEachEager(batch, handle, consumer))
  const opened = open(connection)
  const exit = settled(opened)
  return exit !== undefined && Exit.isSuccess(exit) ? each(exit.value) : Effect.flatMap(opened, each)
}
