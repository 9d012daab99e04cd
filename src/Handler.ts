/**
 * Handlers: what a server does with a connection.
 *
 * A handler is a function from a connection to an effect. When the effect completes, what was sent is flushed and
 * the connection closes; when it fails or dies, its own connection closes and the server goes on.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Attribute, Connection, SendError } from "./Connection.ts"
import { authenticated } from "./internal/authenticate.ts"
import { coreOf, holdingOf } from "./internal/coreOf.ts"
import { fromFunction, fromPlan, inOrder, type PerMessage } from "./internal/handler/perMessage.ts"
import type { Protocol, UnknownMessage } from "./Protocol.ts"
import { type ConnectionClosed, NotCertified } from "./SluiceError.ts"
import type { PeerCertificate } from "./Transport.ts"

export { catchReason, goodbye, onClose, onOpen } from "./internal/handler/life.ts"
export {
  buffer,
  concurrency,
  loadShed,
  orderBy,
  type RateLimit,
  rateLimit
} from "./internal/handler/limiting.ts"
export type { PerMessage } from "./internal/handler/perMessage.ts"
export type { RetryBudget } from "./internal/handler/retryBudget.ts"
export {
  type FilterOptions,
  filter,
  type RetryOptions,
  refine,
  retry,
  tap,
  timeout
} from "./internal/handler/wrapping.ts"

/**
 * What a server does with a connection. A `Scope` that the effect asks for is the connection's own: it closes when
 * the handler is done.
 *
 * @category models
 * @since 0.1.0
 */
export type Handler<In, Out, E = never, R = never> = (
  connection: Connection<In, Out>
) => Effect.Effect<unknown, E, R>

/**
 * Answers a stream of messages with a stream of messages, with backpressure from the peer's reading back to its
 * sending.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStream =
  <In, Out, E = never, R = never>(
    f: (
      messages: Stream.Stream<In, ConnectionClosed>,
      connection: Connection<In, Out>
    ) => Stream.Stream<Out, E, R>
  ): Handler<In, Out, E | SendError, R> =>
  (connection) =>
    Stream.run(f(connection.messages, connection), connection.sink)

/**
 * Runs an effect for each message, in order, one after the other. Completes when the peer has ended its side and
 * the last message is handled.
 *
 * Where combinators follow in a `pipe`, the types of the messages cannot come from the server; a protocol as the first
 * argument says them.
 *
 * **Example** (One message at a time, within its time)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 *
 * const Text = Protocol.make("Text", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const server = Server.make(Text, Handler.each(Text, (line, connection) => connection.send(line)).pipe(
 *   Handler.timeout("1 second"),
 *   Handler.concurrency(4)
 * ))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const each: {
  <In, Out = never, E = never, R = never>(
    f: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
  ): PerMessage<In, Out, E, R>
  <In, Out, ServerServices, ClientServices, E = never, R = never>(
    protocol: Protocol<In, Out, ServerServices, ClientServices>,
    f: (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
  ): PerMessage<In, Out, E, R>
} = <In, Out, E, R>(
  ...args:
    | readonly [f: EachMessage<In, Out, E, R>]
    | readonly [protocol: Protocol<In, Out, unknown, unknown>, f: EachMessage<In, Out, E, R>]
): PerMessage<In, Out, E, R> => fromFunction(args.length === 1 ? args[0] : args[1])

type EachMessage<In, Out, E, R> = (
  message: In,
  connection: Connection<In, Out>
) => Effect.Effect<unknown, E, R>

/**
 * Answers each message with one message by a plain function: the fastest handler there is, batch in, batch out.
 * A function that throws closes the connection as any defect does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const map = <In, Out>(
  f: (message: In, connection: Connection<In, Out>) => Out
): PerMessage<In, Out, SendError> =>
  fromPlan<In, Out, SendError, never>({
    open: (connection) =>
      Exit.succeed((message: In) => Effect.suspend(() => connection.send(f(message, connection)))),
    openBatch: (connection) => {
      const sender = holdingOf(connection)?.sender
      return Exit.succeed((batch: ReadonlyArray<In>) => {
        const answers = batch.map((message) => f(message, connection))
        return sender === undefined ? connection.sendAll(answers) : sender.sendBatch(answers)
      })
    },
    flow: inOrder
  })

/**
 * One function for each tag of the messages that come in; the compiler asks for every one.
 *
 * Messages are handled in order, one after the other. Those of a tagged protocol whose id nobody knows go to
 * `otherwise`, or are left out; they are counted in either case. `filter`, `tap` and the keys of `orderBy` behind it in
 * a pipe do not see them.
 *
 * **Example** (Two kinds of messages)
 *
 * ```ts
 * import { Framing, Handler, Protocol } from "effect-sluice"
 * import { Console, Schema } from "effect"
 *
 * const Pump = Protocol.tagged("Pump", {
 *   framing: Framing.typeLengthValue(),
 *   messages: {
 *     Reading: { id: 1, schema: Schema.TaggedStruct("Reading", { litres: Schema.Finite }) },
 *     Alarm: { id: 2, schema: Schema.TaggedStruct("Alarm", { text: Schema.String }) }
 *   }
 * })
 *
 * const handler = Handler.route(Pump, {
 *   Reading: (reading) => Console.log(reading.litres),
 *   Alarm: (alarm, connection) => connection.send(alarm)
 * }, { otherwise: (unknown) => Console.log(`unknown id ${unknown.id}`) })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const route = <
  In extends { readonly _tag: string },
  Out,
  ServerServices,
  ClientServices,
  const Routes extends {
    readonly [Tag in In["_tag"]]: (
      message: Extract<In, { readonly _tag: Tag }>,
      connection: Connection<In, Out>
    ) => Effect.Effect<unknown, unknown, unknown>
  },
  OtherE = never,
  OtherR = never
>(
  _protocol: Protocol<In, Out, ServerServices, ClientServices>,
  // A route that no message can take is a misspelt one.
  routes: Routes & { readonly [Tag in Exclude<keyof Routes, In["_tag"]>]: never },
  options?: {
    readonly otherwise?: (
      unknown: UnknownMessage,
      connection: Connection<In, Out>
    ) => Effect.Effect<unknown, OtherE, OtherR>
  }
): PerMessage<
  In,
  Out,
  Effect.Error<ReturnType<Routes[In["_tag"]]>> | OtherE,
  Effect.Services<ReturnType<Routes[In["_tag"]]>> | OtherR
> => {
  type E = Effect.Error<ReturnType<Routes[In["_tag"]]>> | OtherE
  type R = Effect.Services<ReturnType<Routes[In["_tag"]]>> | OtherR
  type Route = (message: In, connection: Connection<In, Out>) => Effect.Effect<unknown, E, R>
  const otherwise = options?.otherwise
  // The tag finds the route that takes the message; the compiler cannot follow a look-up that far.
  const table = new Map(Object.entries(routes)) as Map<string, Route>
  if (otherwise !== undefined) table.set("UnknownMessage", otherwise as Function as Route)
  const handle = (message: In, connection: Connection<In, Out>): Effect.Effect<unknown, E, R> => {
    const found = table.get(message._tag)
    return found === undefined ? Effect.void : found(message, connection)
  }
  if (otherwise === undefined) return fromFunction(handle)
  return fromPlan<In, Out, E, R>({
    open: (connection) => {
      const core = coreOf(connection)
      if (core !== undefined) core.reader.messages.deliverUnknown = true
      return Exit.succeed((message: In) => handle(message, connection))
    },
    openBatch: undefined,
    flow: inOrder
  })
}

/**
 * How peers are asked who they are.
 *
 * @category options
 * @since 0.1.0
 */
export interface AuthenticateOptions<in E, out Out, in out Identity> {
  /**
   * How long it may take in all, 1 millisecond or more. Then the peer is refused. The deadline `hello` counts too, for
   * the first message. Default 10 seconds.
   */
  readonly timeout?: Duration.Input | undefined
  /** A last word for a peer that is rejected, undefined for none. Default: none. */
  readonly farewell?: ((rejection: E) => Out | undefined) | undefined
  /** Where the identity is kept on the connection, for whoever finds it in `Connections`. Default: nowhere. */
  readonly attribute?: Attribute<Identity> | undefined
}

/**
 * Lets a peer prove who it is before its first message reaches the handler.
 *
 * `prove` yields the identity, which the handler gets with the connection. It may send, and take messages one by one
 * with `next`; those that it does not take are the handler's. Whatever it fails with is the rejection: the connection
 * closes with the reason `Refused`, which carries it, and the server has a `Refused` event. Only the end of the
 * connection is no rejection. A defect is the handler's own, as ever.
 *
 * **Example** (A password, then numbers)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 * import { Effect } from "effect"
 *
 * const Text = Protocol.make("Text", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const server = Server.make(Text, Handler.authenticate(
 *   (next) => Effect.flatMap(next, (line) =>
 *     line === "sesame" ? Effect.succeed({ name: "Ali" }) : Effect.fail("wrong password" as const)),
 *   ({ name }) => Handler.map((line) => `${name} said ${line}`),
 *   { timeout: "5 seconds", farewell: (rejection) => rejection }
 * ))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const authenticate = <In, Out, Identity, Rejection, E, ProveServices = never, R = never>(
  prove: (
    next: Effect.Effect<In, ConnectionClosed>,
    connection: Connection<In, Out>
  ) => Effect.Effect<Identity, Rejection, ProveServices>,
  handler: (identity: Identity) => Handler<In, Out, E, R>,
  options: AuthenticateOptions<Exclude<Rejection, ConnectionClosed>, Out, Identity> = {}
): Handler<In, Out, E, ProveServices | R> => {
  const timeout = Duration.fromInputUnsafe(options.timeout ?? "10 seconds")
  if (Duration.toMillis(timeout) < 1) throw new RangeError("timeout: must be a duration of 1ms or more")
  return authenticated({ prove, handler, timeout, farewell: options.farewell, attribute: options.attribute })
}

/**
 * {@link authenticate} by the certificate that the peer showed in the handshake of TLS, before any message.
 *
 * `identify` makes the identity of the certificate, a schema for example; what it fails with is the rejection. It sees only
 * certificates that the listener's `ca` vouches for. A peer without one is rejected with `NotCertified`: with
 * `clientCertificate: "require"` those in plain text only, and with `"request"` all others are. Who comes back by a session
 * of TLS has the certificate that it showed when the session began.
 *
 * **Example** (Devices by their common name)
 *
 * ```ts
 * import { Codec, Connection, Framing, Handler, Protocol, Server, TransportNode } from "effect-sluice"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Text = Protocol.make("Text", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const Device = Schema.Struct({
 *   subject: Schema.Struct({ CN: Schema.String.check(Schema.isStartingWith("device-")) }),
 *   fingerprint256: Schema.String
 * })
 *
 * const device = Connection.attribute<typeof Device.Type>("device")
 *
 * export const server = Server.layer(
 *   Text,
 *   Handler.authenticateTls(
 *     (certificate) => Schema.decodeUnknownEffect(Device)(certificate),
 *     ({ subject }) => Handler.map((line) => `${subject.CN} said ${line}`),
 *     { attribute: device }
 *   )
 * ).pipe(Layer.provide(TransportNode.layerTls({
 *   port: 7000,
 *   tls: {
 *     certificateFile: "server.pem",
 *     keyFile: "server.key",
 *     clientCertificate: "require",
 *     caFile: "devices.pem"
 *   }
 * })))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const authenticateTls = <In, Out, Identity, Rejection, E, IdentifyServices = never, R = never>(
  identify: (
    certificate: PeerCertificate,
    connection: Connection<In, Out>
  ) => Effect.Effect<Identity, Rejection, IdentifyServices>,
  handler: (identity: Identity) => Handler<In, Out, E, R>,
  options?: AuthenticateOptions<Exclude<Rejection | NotCertified, ConnectionClosed>, Out, Identity>
): Handler<In, Out, E, IdentifyServices | R> =>
  authenticate(
    (_, connection): Effect.Effect<Identity, Rejection | NotCertified, IdentifyServices> => {
      const { id, tls } = connection
      if (tls?.authorized === true && tls.peerCertificate !== undefined) {
        return identify(tls.peerCertificate, connection)
      }
      const reason = tls === undefined ? "plain" : tls.peerCertificate === undefined ? "missing" : "untrusted"
      return Effect.fail(new NotCertified({ connection: id, reason }))
    },
    handler,
    options
  )
