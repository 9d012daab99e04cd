/**
 * Requests: messages that await a reply, on connections that carry other messages too.
 *
 * Either side may ask. The protocol says which messages are requests, what answers them, and where the id stands that
 * tells whose a reply is; many are in flight at once, and replies come in any order.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Connection, SendError } from "./Connection.ts"
import type { Handler } from "./Handler.ts"
import { answering, attach, clientPlan, requestsOf, serverPlan } from "./internal/requestEnds.ts"
import { exchangesOf, requestProblems } from "./internal/requestPlan.ts"
import type {
  Answering,
  AnswerServices,
  AnswersTo,
  Checked,
  IdOf,
  Others,
  Reply,
  Tagged,
  TagOf,
  Unsent
} from "./internal/requestTypes.ts"
import type { Protocol } from "./Protocol.ts"
import type { ConnectionClosed, RequestTimeout, TooManyRequests } from "./SluiceError.ts"

/**
 * How one kind of request is answered, by the tags of the messages.
 *
 * With one `reply`, or with any number of `each` until `end`. `error` says that it failed, in either case. `cancel`, of
 * the side that asks, says that nobody waits for the answer any more. `end` and `cancel` hold the id and no more.
 *
 * @category models
 * @since 0.1.0
 */
export type Exchange<AskTag extends string, ReplyTag extends string> =
  | { readonly reply: ReplyTag; readonly error?: ReplyTag; readonly cancel?: AskTag }
  | {
      readonly each: ReplyTag
      readonly end: ReplyTag
      readonly error?: ReplyTag
      readonly cancel?: AskTag
    }

/**
 * The requests of one direction, by tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Exchanges<Asked, Answered> = {
  readonly [Tag in TagOf<Asked>]?: Exchange<TagOf<Asked>, TagOf<Answered>>
}

/**
 * Where the id of a request stands, and how it looks.
 *
 * @category options
 * @since 0.1.0
 */
export interface IdOptions<Field extends string, Value = number> {
  /** The field, of requests and replies alike. */
  readonly field: Field
  /**
   * The ids are counted from 1 to this number, and then from 1 again without those in flight: 1 to 2^53 - 1. Default
   * 2^31 - 1. In a small range an id is soon used again, and a late reply may then be taken for another one's.
   */
  readonly max?: number | undefined
  /** Makes the id of a number, another one of each; needed where ids are no numbers. */
  readonly from?: ((sequence: number) => Value) | undefined
}

/**
 * A protocol that says which of its messages are requests, and what answers them. A server or client takes it as any
 * other protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestProtocol<
  in out FromClient,
  in out FromServer,
  out ServerServices,
  out ClientServices,
  Id extends string,
  ClientTable,
  ServerTable
> extends Protocol<FromClient, FromServer, ServerServices, ClientServices> {
  readonly requests: {
    readonly id: IdOptions<Id, unknown>
    readonly fromClient: ClientTable
    readonly fromServer: ServerTable
  }
}

/**
 * The same protocol, which now says which of its messages are requests.
 *
 * The id is chosen by the library: who asks leaves it out. Messages are plain objects; instances of classes would lose
 * their class. A tag that is a request of one side cannot be a reply of it too; such problems are told as all of a
 * protocol are.
 *
 * **Example** (A store)
 *
 * ```ts
 * import { Framing, Protocol, Requests } from "effect-sluice"
 * import { Schema } from "effect"
 *
 * const id = Schema.Int
 *
 * const Store = Requests.protocol(
 *   Protocol.tagged("Store", {
 *     framing: Framing.lengthPrefixed(),
 *     fromClient: {
 *       Get: { id: 1, schema: Schema.TaggedStruct("Get", { id, key: Schema.String }) },
 *       List: { id: 2, schema: Schema.TaggedStruct("List", { id }) },
 *       Cancel: { id: 3, schema: Schema.TaggedStruct("Cancel", { id }) }
 *     },
 *     fromServer: {
 *       Got: { id: 1, schema: Schema.TaggedStruct("Got", { id, value: Schema.String }) },
 *       Missing: { id: 2, schema: Schema.TaggedStruct("Missing", { id }) },
 *       Item: { id: 3, schema: Schema.TaggedStruct("Item", { id, key: Schema.String }) },
 *       Done: { id: 4, schema: Schema.TaggedStruct("Done", { id }) }
 *     }
 *   }),
 *   {
 *     id: "id",
 *     fromClient: {
 *       Get: { reply: "Got", error: "Missing" },
 *       List: { each: "Item", end: "Done", cancel: "Cancel" }
 *     }
 *   }
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <
  FromClient extends Tagged,
  FromServer extends Tagged,
  ServerServices,
  ClientServices,
  const Id extends string,
  const ClientTable extends Exchanges<FromClient, FromServer> = {},
  const ServerTable extends Exchanges<FromServer, FromClient> = {}
>(
  base: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: {
    readonly id: Id | IdOptions<Id, IdOf<FromClient | FromServer, NoInfer<Id>>>
    readonly fromClient?: ClientTable & Checked<FromClient, FromServer, Id, NoInfer<ClientTable>>
    readonly fromServer?: ServerTable & Checked<FromServer, FromClient, Id, NoInfer<ServerTable>>
  }
): RequestProtocol<FromClient, FromServer, ServerServices, ClientServices, Id, ClientTable, ServerTable> => {
  const id: IdOptions<Id, unknown> = typeof options.id === "string" ? { field: options.id } : options.id
  // A direction without requests has an empty table, which its type says where the option is left out.
  const fromClient = (options.fromClient ?? {}) as ClientTable
  const fromServer = (options.fromServer ?? {}) as ServerTable
  const problems = [
    ...base.problems,
    ...requestProblems(id, exchangesOf(fromClient), exchangesOf(fromServer), base.switchable)
  ]
  return { ...base, requests: { id, fromClient, fromServer }, problems }
}

// --- asking --------------------------------------------------------------------------------------------------

/**
 * Why a request has no reply: it could not be sent, the connection closed, the time was over, or too many are in
 * flight.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestError = SendError | RequestTimeout | TooManyRequests

/**
 * The requests of one end of one connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Requests<in out Asked, in out Answered, Id extends string, in out Table> {
  /**
   * Sends a request and awaits its reply. Fails with the message that the protocol has for it as `error`, as it came.
   *
   * The reply is taken out before the inbound queue: it comes while the handler is busy, with waiting for it too.
   * `timeout` counts from the call, 1 millisecond or more. Giving up, by the timeout or by interruption, sends the
   * protocol's `cancel`. When the connection closes, or the peer ends its side, all fail at once, and say why.
   */
  readonly request: <const Tag extends Answering<Table, "reply">>(
    message: Unsent<Asked, Tag, Id>,
    options?: { readonly timeout?: Duration.Input | undefined }
  ) => Effect.Effect<
    Reply<Answered, Table, Tag, "reply">,
    Reply<Answered, Table, Tag, "error"> | RequestError
  >

  /**
   * Sends a request when the stream is run, and has the replies to it, in order, until the last.
   *
   * Replies wait in a buffer of the stream, and when that is full nothing more is read from the peer until some are
   * taken: no other reply either, so that who takes them must not wait for another request meanwhile. `timeout` counts
   * from the last reply, and only while none waits to be taken. Ending the stream early sends the protocol's `cancel`.
   */
  readonly stream: <const Tag extends Answering<Table, "each">>(
    message: Unsent<Asked, Tag, Id>,
    options?: { readonly timeout?: Duration.Input | undefined }
  ) => Stream.Stream<Reply<Answered, Table, Tag, "each">, Reply<Answered, Table, Tag, "error"> | RequestError>

  /** The numbers of this moment. */
  readonly stats: RequestStats
}

/**
 * The numbers of the requests on one connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestStats {
  /** Asked and not over. One that was given up counts until its cancel is sent. */
  readonly inFlight: number
  /** Asked, and not answered in time. */
  readonly timedOut: number
  /** Replies that nobody waited for, left out: late ones, and those to nothing that was asked. */
  readonly late: number
  /** The peer's requests that are being answered. */
  readonly answering: number
  /** The peer's requests that were left out, for an id of one not yet answered. */
  readonly duplicates: number
}

/**
 * How requests are asked.
 *
 * @category options
 * @since 0.1.0
 */
export interface RequestOptions {
  /** How many may be in flight. The next one fails with `TooManyRequests`. 1 to 1 000 000, default 1024. */
  readonly maxInFlight?: number | undefined
  /** How long a reply may take where the request itself does not say: 1 millisecond or more. Default 30 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** Replies of a stream that wait to be taken: 1 to 1 000 000. Default 256. What one read held may stand above it. */
  readonly streamBuffer?: number | undefined
}

/**
 * The requests of a client, on its connection to the server.
 *
 * They are the connection's own: whoever asks for them gets the same. Options that are given hold for all from then on.
 *
 * **Example** (Time of day)
 *
 * ```ts
 * import { Client, Framing, Protocol, Requests } from "effect-sluice"
 * import { Effect, Schema } from "effect"
 *
 * const Clock = Requests.protocol(
 *   Protocol.tagged("Clock", {
 *     framing: Framing.lengthPrefixed(),
 *     fromClient: { Now: { id: 1, schema: Schema.TaggedStruct("Now", { id: Schema.Int }) } },
 *     fromServer: { Time: { id: 1, schema: Schema.TaggedStruct("Time", { id: Schema.Int, millis: Schema.Int }) } }
 *   }),
 *   { id: "id", fromClient: { Now: { reply: "Time" } } }
 * )
 *
 * const program = Effect.gen(function* () {
 *   const connection = yield* Client.connect(Clock)
 *   const requests = yield* Requests.fromClient(Clock, connection)
 *   return yield* requests.request({ _tag: "Now" }, { timeout: "2 seconds" })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromClient = <FromClient, FromServer, SS, CS, Id extends string, ClientTable, ServerTable>(
  protocol: RequestProtocol<FromClient, FromServer, SS, CS, Id, ClientTable, ServerTable>,
  connection: Connection<NoInfer<FromServer>, NoInfer<FromClient>>,
  options?: RequestOptions
): Effect.Effect<Requests<FromClient, FromServer, Id, ClientTable>> =>
  Effect.sync(() => typed(requestsOf(attach(connection, clientPlan(protocol), options))))

/**
 * The requests of a server to one of its clients, on that client's connection. Otherwise as {@link fromClient}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromServer = <FromClient, FromServer, SS, CS, Id extends string, ClientTable, ServerTable>(
  protocol: RequestProtocol<FromClient, FromServer, SS, CS, Id, ClientTable, ServerTable>,
  connection: Connection<NoInfer<FromClient>, NoInfer<FromServer>>,
  options?: RequestOptions
): Effect.Effect<Requests<FromServer, FromClient, Id, ServerTable>> =>
  Effect.sync(() => typed(requestsOf(attach(connection, serverPlan(protocol), options))))

// The protocol's table says which reply belongs to which request; the compiler cannot follow a look-up that far.
const typed = <Result>(requests: object): Result => requests as Result

// --- answering -----------------------------------------------------------------------------------------------

/**
 * How requests are answered.
 *
 * @category options
 * @since 0.1.0
 */
export interface AnswerOptions<Other, in out In, in out Out, out E, out R> extends RequestOptions {
  /**
   * How many requests of a peer are answered at once, 1 to 1 000 000. While so many are, no message is taken from the
   * peer, whose sending then stops as that of any slow handler's. Default 64.
   */
  readonly concurrency?: number | undefined
  /** For messages that are no requests, in order, one after the other. Default: they are left out. */
  readonly otherwise?:
    | ((message: Other, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>)
    | undefined
}

/**
 * Answers a server's requests, many at once, with a function for each; the compiler asks for every one.
 *
 * An answer is the reply without its tag and id, or a stream of such. What it fails with is the reply under `error`,
 * without tag and id too. A defect, or a reply that cannot be encoded, closes the connection as any handler's does.
 * An answer is interrupted when the peer cancels, and when the connection closes; one that has not begun by then does
 * not begin. When the peer has ended its side, or the server stops, the answers to what was read are still given, and
 * what the server itself asks is awaited.
 *
 * **Example** (Doubling)
 *
 * ```ts
 * import { Framing, Protocol, Requests, Server } from "effect-sluice"
 * import { Effect, Schema } from "effect"
 *
 * const fields = { id: Schema.Int, n: Schema.Finite }
 * const Double = Requests.protocol(
 *   Protocol.tagged("Double", {
 *     framing: Framing.lengthPrefixed(),
 *     fromClient: { Ask: { id: 1, schema: Schema.TaggedStruct("Ask", fields) } },
 *     fromServer: { Answer: { id: 1, schema: Schema.TaggedStruct("Answer", fields) } }
 *   }),
 *   { id: "id", fromClient: { Ask: { reply: "Answer" } } }
 * )
 *
 * const DoubleServer = Server.layer(Double, Requests.handler(Double, {
 *   Ask: ({ n }) => Effect.succeed({ n: n * 2 })
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const handler = <
  FromClient,
  FromServer,
  SS,
  CS,
  Id extends string,
  ClientTable,
  ServerTable,
  const Answers extends AnswersTo<FromClient, FromServer, Id, ClientTable>,
  E = never,
  R = never
>(
  protocol: RequestProtocol<FromClient, FromServer, SS, CS, Id, ClientTable, ServerTable>,
  answers: Answers,
  options?: AnswerOptions<Others<FromClient, ClientTable, ServerTable>, FromClient, FromServer, E, R>
): Handler<FromClient, FromServer, E | ConnectionClosed, AnswerServices<Answers> | R> =>
  answering(serverPlan(protocol), answers, options)

/**
 * Answers what a server asks its clients: the same as {@link handler}, for the other end. The effect takes the messages
 * of the client's connection, and completes when no more can come.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clientHandler = <
  FromClient,
  FromServer,
  SS,
  CS,
  Id extends string,
  ClientTable,
  ServerTable,
  const Answers extends AnswersTo<FromServer, FromClient, Id, ServerTable>,
  E = never,
  R = never
>(
  protocol: RequestProtocol<FromClient, FromServer, SS, CS, Id, ClientTable, ServerTable>,
  answers: Answers,
  options?: AnswerOptions<Others<FromServer, ServerTable, ClientTable>, FromServer, FromClient, E, R>
): Handler<FromServer, FromClient, E | ConnectionClosed, AnswerServices<Answers> | R> =>
  answering(clientPlan(protocol), answers, options)
