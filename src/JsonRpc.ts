/**
 * JSON-RPC 2.0: methods with typed parameters and results, called from either side, over any transport.
 *
 * Requests go through `Requests`: many in flight, replies in any order, timeouts, bounds. A request that is given up is
 * taken back with `$/cancelRequest`, as the Language Server Protocol has it; others pass over such a notification. What
 * the specification asks of a server it does: batches are answered in one array, unknown methods, invalid parameters,
 * requests and JSON by errors with the codes for that. Batches are not sent.
 *
 * **Example** (Both ends)
 *
 * ```ts
 * import { Client, JsonRpc, Server } from "effect-sluice"
 * import { Effect, Schema } from "effect"
 *
 * const Calculator = JsonRpc.make("Calculator", {
 *   fromClient: {
 *     requests: { divide: { params: Schema.Tuple([Schema.Finite, Schema.Finite]), result: Schema.Finite } },
 *     notifications: { hello: { params: Schema.Struct({ name: Schema.String }) } }
 *   }
 * })
 *
 * const server = Server.make(Calculator, JsonRpc.handler(Calculator, {
 *   requests: {
 *     divide: ([a, b]) =>
 *       b === 0
 *         ? Effect.fail(new JsonRpc.JsonRpcError({ code: 1, message: "division by zero" }))
 *         : Effect.succeed(a / b)
 *   },
 *   notifications: { hello: ({ name }) => Effect.log(`hello ${name}`) }
 * }))
 *
 * const program = Effect.gen(function* () {
 *   const connection = yield* Client.connect(Calculator)
 *   const calculator = yield* JsonRpc.fromClient(Calculator, connection)
 *   yield* calculator.notify("hello", { name: "Ada" })
 *   return yield* calculator.request("divide", [1, 2], { timeout: "2 seconds" })
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Connection, SendError } from "./Connection.ts"
import type { Framing } from "./Framing.ts"
import { contentLength } from "./Framing.ts"
import type { Handler } from "./Handler.ts"
import { type AnswerTables, answersTo, callsOf, type Exchanges, exchanges } from "./internal/jsonRpc/ends.ts"
import { codes, type Message, messageCodec } from "./internal/jsonRpc/messages.ts"
import { type Methods, methodsOf } from "./internal/jsonRpc/methods.ts"
import { answering, clientPlan, serverPlan } from "./internal/requestEnds.ts"
import * as Protocol from "./Protocol.ts"
import * as Requests from "./Requests.ts"
import type { ConnectionClosed, JsonRpcError } from "./SluiceError.ts"

export { JsonRpcError } from "./internal/errors/jsonRpc.ts"

/**
 * The codes of errors that have a meaning of their own: those of JSON-RPC 2.0, section 5.1, and `RequestCancelled` of the
 * Language Server Protocol.
 *
 * @category models
 * @since 0.1.0
 */
export const ErrorCode: {
  readonly ParseError: -32_700
  readonly InvalidRequest: -32_600
  readonly MethodNotFound: -32_601
  readonly InvalidParams: -32_602
  readonly InternalError: -32_603
  readonly RequestCancelled: -32_800
} = codes

/**
 * A message of JSON-RPC as connections carry it. Not to be made or looked into: the functions of this module do.
 *
 * @category models
 * @since 0.1.0
 */
export type JsonRpcMessage = Message

/**
 * A connection that speaks JSON-RPC, as answers get it.
 *
 * @category models
 * @since 0.1.0
 */
export type JsonRpcConnection = Connection<JsonRpcMessage, JsonRpcMessage>

/**
 * A method: what its parameters are, an object or an array, and its result. Without a schema there are no parameters,
 * and the result is anything.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonRpcMethod {
  readonly params?: Schema.Codec<unknown, unknown>
  readonly result?: Schema.Codec<unknown, unknown>
}

/**
 * What one side calls: requests, which are answered, and notifications, which are not.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonRpcSide {
  readonly requests?: Readonly<Record<string, JsonRpcMethod>>
  readonly notifications?: Readonly<Record<string, Pick<JsonRpcMethod, "params">>>
}

/**
 * A protocol of JSON-RPC. A server or client takes it as any other protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonRpcProtocol<FromClient extends JsonRpcSide, FromServer extends JsonRpcSide>
  extends Requests.RequestProtocol<JsonRpcMessage, JsonRpcMessage, never, never, "id", Exchanges, Exchanges> {
  readonly methods: {
    readonly fromClient: Methods
    readonly fromServer: Methods
    /** For the compiler alone. */
    readonly types?: readonly [FromClient, FromServer]
  }
}

type RequestsIn<Side> = Side extends { readonly requests: infer Table } ? Table : {}

type NotificationsIn<Side> = Side extends { readonly notifications: infer Table } ? Table : {}

type ParamsIn<Method> = Method extends { readonly params: Schema.Codec<infer Params, infer _Encoded> }
  ? Params
  : undefined

type ResultIn<Method> = Method extends { readonly result: Schema.Codec<infer Result, infer _Encoded> }
  ? Result
  : unknown

/** Parameters may be left out where there are none. */
type Given<Params, Options extends ReadonlyArray<unknown>> = undefined extends Params
  ? [params?: Params, ...options: Options]
  : [params: Params, ...options: Options]

/**
 * A protocol of JSON-RPC: what each side calls. The framing is `Framing.contentLength`, as the Language Server Protocol
 * has it, unless said otherwise; `Framing.ndjson` is the other usual one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const FromClient extends JsonRpcSide = {}, const FromServer extends JsonRpcSide = {}>(
  name: string,
  options: {
    readonly framing?: Framing | undefined
    readonly fromClient?: FromClient
    readonly fromServer?: FromServer
  }
): JsonRpcProtocol<FromClient, FromServer> => ({
  ...Requests.protocol(
    Protocol.make(name, {
      framing: options.framing ?? contentLength(),
      fromClient: messageCodec,
      fromServer: messageCodec
    }),
    { id: "id", fromClient: exchanges, fromServer: exchanges }
  ),
  methods: {
    fromClient: methodsOf(options.fromClient ?? {}),
    fromServer: methodsOf(options.fromServer ?? {})
  }
})

// --- calling -------------------------------------------------------------------------------------------------

/**
 * Calls to the other side of one connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Calls<Side> {
  /**
   * Calls a method and awaits its result. Fails with {@link JsonRpcError} where the other side says so, with
   * `MessageError` where parameters or result are not of their schema, and otherwise as any request does; `timeout` is
   * 30 seconds unless said otherwise. Giving up sends `$/cancelRequest`.
   *
   * The messages of the connection have to be taken meanwhile, as {@link handler} and {@link clientHandler} do, or what
   * stands before the result is in its way.
   */
  readonly request: <const Name extends keyof RequestsIn<Side> & string>(
    method: Name,
    ...params: Given<
      ParamsIn<RequestsIn<Side>[Name]>,
      [options?: { readonly timeout?: Duration.Input | undefined }]
    >
  ) => Effect.Effect<ResultIn<RequestsIn<Side>[Name]>, JsonRpcError | Requests.RequestError>
  /** Sends a notification: returns once it is queued, as `connection.send` does. */
  readonly notify: <const Name extends keyof NotificationsIn<Side> & string>(
    method: Name,
    ...params: Given<ParamsIn<NotificationsIn<Side>[Name]>, []>
  ) => Effect.Effect<void, SendError>
  /** The numbers of this moment. */
  readonly stats: Requests.RequestStats
}

/**
 * The calls of a client to its server. They are the connection's own: options that are given hold for all from then on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromClient = <FromClient extends JsonRpcSide, FromServer extends JsonRpcSide>(
  protocol: JsonRpcProtocol<FromClient, FromServer>,
  connection: JsonRpcConnection,
  options?: Requests.RequestOptions
): Effect.Effect<Calls<FromClient>> =>
  Effect.map(Requests.fromClient(protocol, connection, options), (requests) =>
    typed(callsOf(connection, requests, protocol.methods.fromClient))
  )

/**
 * The calls of a server to one of its clients. Otherwise as {@link fromClient}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromServer = <FromClient extends JsonRpcSide, FromServer extends JsonRpcSide>(
  protocol: JsonRpcProtocol<FromClient, FromServer>,
  connection: JsonRpcConnection,
  options?: Requests.RequestOptions
): Effect.Effect<Calls<FromServer>> =>
  Effect.map(Requests.fromServer(protocol, connection, options), (requests) =>
    typed(callsOf(connection, requests, protocol.methods.fromServer))
  )

// The schemas of a method say what its parameters and its result are; the compiler cannot follow a look-up that far.
const typed = <Side>(calls: object): Calls<Side> => calls as Calls<Side>

// --- answering -----------------------------------------------------------------------------------------------

/**
 * What answers the calls of a side: a function for each request, and for those notifications that are of interest.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answers<Side> {
  readonly requests: {
    readonly [Name in keyof RequestsIn<Side>]: (
      params: ParamsIn<RequestsIn<Side>[Name]>,
      connection: JsonRpcConnection
    ) => Effect.Effect<ResultIn<RequestsIn<Side>[Name]>, JsonRpcError, unknown>
  }
  readonly notifications?: {
    readonly [Name in keyof NotificationsIn<Side>]?: (
      params: ParamsIn<NotificationsIn<Side>[Name]>,
      connection: JsonRpcConnection
    ) => Effect.Effect<unknown, unknown, unknown>
  }
}

type Effects<Table> = {
  [Name in keyof Table]: Table[Name] extends (...args: never) => infer Answer ? Answer : never
}[keyof Table]

type NotificationTable<A> = A extends { readonly notifications: infer Table } ? Table : {}

// Of none there is none; the compiler would say unknown.
type FailureOf<Answer> = [Answer] extends [never]
  ? never
  : Answer extends Effect.Effect<infer _A, infer E, infer _R>
    ? E
    : never

type NeedsOf<Answer> = [Answer] extends [never]
  ? never
  : Answer extends Effect.Effect<infer _A, infer _E, infer R>
    ? R
    : never

type ErrorOf<A> = FailureOf<Effects<NotificationTable<A>>>

type ServicesOf<A extends { readonly requests: unknown }> = NeedsOf<
  Effects<A["requests"]> | Effects<NotificationTable<A>>
>

/**
 * How calls are answered.
 *
 * @category options
 * @since 0.1.0
 */
export interface AnswerOptions extends Requests.RequestOptions {
  /** How many requests of a peer are answered at once, 1 to 1 000 000. A batch counts as one. Default 64. */
  readonly concurrency?: number | undefined
}

/**
 * Answers a client's calls.
 *
 * Requests are answered at once with each other; notifications are taken in order, one after the other, and hold up what
 * comes behind them. An answer fails with {@link JsonRpcError}, which goes to the peer; a defect closes the connection as
 * any handler's does. One that the peer cancels is interrupted, and the peer told `RequestCancelled`. A request with the
 * id of one that is not answered yet is left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const handler = <
  FromClient extends JsonRpcSide,
  FromServer extends JsonRpcSide,
  const A extends Answers<FromClient>
>(
  protocol: JsonRpcProtocol<FromClient, FromServer>,
  answers: A,
  options: AnswerOptions = {}
): Handler<JsonRpcMessage, JsonRpcMessage, ErrorOf<A> | SendError | ConnectionClosed, ServicesOf<A>> => {
  const { answers: table, ...rest } = answersTo(protocol.methods.fromClient, untyped(answers))
  return answering(serverPlan(protocol), table, { ...options, ...rest })
}

/**
 * Answers a server's calls: the same as {@link handler}, for the other end. The effect takes the messages of the
 * client's connection, and completes when no more can come.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clientHandler = <
  FromClient extends JsonRpcSide,
  FromServer extends JsonRpcSide,
  const A extends Answers<FromServer>
>(
  protocol: JsonRpcProtocol<FromClient, FromServer>,
  answers: A,
  options: AnswerOptions = {}
): Handler<JsonRpcMessage, JsonRpcMessage, ErrorOf<A> | SendError | ConnectionClosed, ServicesOf<A>> => {
  const { answers: table, ...rest } = answersTo(protocol.methods.fromServer, untyped(answers))
  return answering(clientPlan(protocol), table, { ...options, ...rest })
}

// Each function gets what the schema of its own method made.
const untyped = <A extends Answers<never>>(answers: A) =>
  ({ notifications: {}, ...answers }) as unknown as AnswerTables<ErrorOf<A>, ServicesOf<A>>
