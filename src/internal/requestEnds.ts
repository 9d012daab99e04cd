/** The two ends of requests, as their users hold them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Connection } from "../Connection.ts"
import type { ConnectionClosed } from "../SluiceError.ts"
import type { Answer, Answers } from "./answerer.ts"
import type { AskSettings } from "./asker.ts"
import { coreOf } from "./coreOf.ts"
import { Exchange } from "./exchange.ts"
import { forEachEager } from "./forEachEager.ts"
import { defaultMaxId, exchangesOf, planRequests, type RequestPlan } from "./requestPlan.ts"

interface Asking {
  readonly requests: {
    readonly id: {
      readonly field: string
      readonly max?: number | undefined
      readonly from?: ((sequence: number) => unknown) | undefined
    }
    readonly fromClient: unknown
    readonly fromServer: unknown
  }
}

interface AskOptions {
  readonly maxInFlight?: number | undefined
  readonly timeout?: Duration.Input | undefined
  readonly streamBuffer?: number | undefined
}

interface AnswerOptions<Other, In, Out, E, R> extends AskOptions {
  readonly concurrency?: number | undefined
  readonly otherwise?:
    | ((message: Other, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>)
    | undefined
  readonly cancelled?: Answers<In, Out, R, E>["cancelled"]
}

const idOf = ({ requests: { id } }: Asking) => ({
  field: id.field,
  max: id.max ?? defaultMaxId,
  from: id.from ?? ((sequence: number) => sequence)
})

/** The requests of a protocol, seen from its client. */
export const clientPlan = (protocol: Asking): RequestPlan => {
  const { fromClient, fromServer } = protocol.requests
  return planRequests(idOf(protocol), exchangesOf(fromClient), exchangesOf(fromServer))
}

/** The requests of a protocol, seen from its server. */
export const serverPlan = (protocol: Asking): RequestPlan => {
  const { fromClient, fromServer } = protocol.requests
  return planRequests(idOf(protocol), exchangesOf(fromServer), exchangesOf(fromClient))
}

const mebibyte = 1024 * 1024

const count = (name: string, value: number | undefined, preset: number): number => {
  const checked = value ?? preset
  if (Number.isInteger(checked) && checked >= 1 && checked <= 1_000_000) return checked
  throw new RangeError(`${name}: must be a whole number from 1 to 1000000, is ${checked}`)
}

const timeoutOf = (timeout: Duration.Input): number => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(timeout))
  if (millis >= 1) return millis
  throw new RangeError(`timeout: must be a duration of 1ms or more, is ${millis}ms`)
}

const defaults: AskSettings = {
  maxInFlight: 1024,
  timeout: 30_000,
  streamLimits: { maxMessages: 256, maxBytes: mebibyte }
}

/** Options that are not given leave what there was. */
const askSettings = (
  { maxInFlight, streamBuffer, timeout }: AskOptions,
  before: AskSettings
): AskSettings => ({
  maxInFlight: count("maxInFlight", maxInFlight, before.maxInFlight),
  timeout: timeout === undefined ? before.timeout : timeoutOf(timeout),
  streamLimits: {
    ...before.streamLimits,
    maxMessages: count("streamBuffer", streamBuffer, before.streamLimits.maxMessages)
  }
})

/** The requests of a connection, made when they are first asked for. */
export const attach = <In, Out>(
  connection: Connection<In, Out>,
  plan: RequestPlan,
  options: AskOptions = {}
): Exchange<In, Out> => {
  const own = coreOf(connection)
  if (own === undefined) throw new Error("requests need a connection of this library's own")
  own.requests ??= new Exchange(own, plan, defaults)
  const { asker } = own.requests
  asker.settings = askSettings(options, asker.settings)
  return own.requests
}

interface AskedOptions {
  readonly timeout?: Duration.Input | undefined
}

const millisOf = (options: AskedOptions | undefined): number | undefined =>
  options?.timeout === undefined ? undefined : timeoutOf(options.timeout)

/** The requests as users hold them. Which reply belongs to which request, only the types of the protocol know. */
export const requestsOf = <In, Out>(exchange: Exchange<In, Out>) => ({
  request: (message: Out, options?: AskedOptions) => exchange.asker.ask(message, millisOf(options)),
  stream: (message: Out, options?: AskedOptions) => exchange.asker.stream(message, millisOf(options)),
  get stats() {
    const { answerer, asker } = exchange
    return {
      inFlight: asker.inFlight,
      timedOut: asker.timedOut,
      late: asker.late,
      answering: answerer?.inFlight ?? 0,
      duplicates: answerer?.duplicates ?? 0
    }
  }
})

/** A handler that answers the requests of a plan. */
export const answering = <In, Out, Other extends In, E, R, AnswerR>(
  plan: RequestPlan,
  answers: unknown,
  options: AnswerOptions<Other, In, Out, E, R> = {}
): ((connection: Connection<In, Out>) => Effect.Effect<void, E | ConnectionClosed, R | AnswerR>) => {
  type Table = Readonly<Record<string, Answer<In, Out, R | AnswerR>>>
  // One answer for each request, and who is neither goes to `otherwise`: the types of the caller say so.
  const otherwise = options.otherwise as Answers<In, Out, R | AnswerR, E>["otherwise"] | undefined
  const all: Answers<In, Out, R | AnswerR, E> = {
    table: new Map(Object.entries(answers as Table)),
    otherwise: otherwise ?? (() => Effect.void),
    concurrency: count("concurrency", options.concurrency, 64),
    cancelled: options.cancelled
  }
  return (connection) =>
    Effect.suspend(() => {
      const exchange = attach(connection, plan, options)
      const answerer = exchange.answering()
      return Stream.runForEachArray(connection.messages, (batch) =>
        forEachEager(batch, (message) => answerer.dispatch(message, all))
      ).pipe(Effect.andThen(answerer.awaitIdle()), Effect.andThen(exchange.asker.awaitIdle()))
    })
}
