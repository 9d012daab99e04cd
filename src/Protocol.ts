/**
 * Protocols: a framing and the codecs of both directions. One value, shared by server and client.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type { ByteOrder } from "./ByteWriter.ts"
import type * as Codec from "./Codec.ts"
import type { Framing } from "./Framing.ts"
import type { HeartbeatMessages } from "./Heartbeat.ts"
import type {
  CheckedTable,
  DecodingOf,
  EncodingOf,
  EntryMessage,
  IdOnWire
} from "./internal/codec/tableTypes.ts"
import {
  idLayout,
  idProblems,
  layoutProblems,
  type TaggedOptions,
  tableProblems,
  taggedCodec
} from "./internal/codec/tagged.ts"
import { heartbeatProblems } from "./internal/heartbeatProblems.ts"
import { makeProtocol, type ProtocolParts, problemsAt } from "./internal/makeProtocol.ts"
import { helloOf, versionProblems } from "./internal/versions.ts"
import type { OptionProblem } from "./SluiceError.ts"
import type { VersionOptions, Versions } from "./Versions.ts"

/**
 * What server and client agreed on.
 *
 * `FromClient` and `FromServer` are the messages of the two directions; `ServerServices` and `ClientServices` what
 * the codecs need on either end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Protocol<
  in out FromClient,
  in out FromServer,
  out ServerServices = never,
  out ClientServices = never
> {
  readonly name: string
  /** How frames are cut; `none` where messages delimit themselves. */
  readonly framing: Framing
  /** Whether messages delimit themselves; see {@link make}. */
  readonly selfDelimiting?: boolean | undefined
  readonly fromClient: Codec.Codec<FromClient, ServerServices, ClientServices>
  readonly fromServer: Codec.Codec<FromServer, ClientServices, ServerServices>
  /** How pings and pongs look; see {@link heartbeat}. */
  readonly heartbeat?: HeartbeatMessages<FromClient, FromServer> | undefined
  /** Whether a connection may leave it for another one; see {@link switchable}. */
  readonly switchable?: boolean | undefined
  /** How its ends introduce themselves; see {@link versioned}. */
  readonly versions?: Versions<FromClient, FromServer, ServerServices, ClientServices> | undefined
  /** What is wrong with it; empty for a protocol that works. A server or client refuses the others. */
  readonly problems: ReadonlyArray<OptionProblem>
}

/**
 * A protocol of a framing and a codec for each direction; or of a codec for each direction alone, where messages delimit
 * themselves. Those are parsed from the stream in one go, each direction in its own way; they have no hello
 * ({@link versioned}).
 *
 * Nothing fails here: a framing with bad options, say, shows in `problems`, and the server or client that is built
 * on the protocol fails with all of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <FromClient, FromServer, ClientDecoding, ClientEncoding, ServerDecoding, ServerEncoding>(
    name: string,
    options: {
      readonly framing: Framing
      readonly fromClient: Codec.Codec<FromClient, ClientDecoding, ClientEncoding>
      readonly fromServer: Codec.Codec<FromServer, ServerDecoding, ServerEncoding>
    }
  ): Protocol<FromClient, FromServer, ClientDecoding | ServerEncoding, ServerDecoding | ClientEncoding>
  <FromClient, FromServer>(
    name: string,
    options: {
      readonly framing?: undefined
      readonly fromClient: Codec.SelfDelimiting<FromClient>
      readonly fromServer: Codec.SelfDelimiting<FromServer>
    }
  ): Protocol<FromClient, FromServer>
} = <FromClient, FromServer, A, B, C, D>(
  name: string,
  parts: ProtocolParts<FromClient, FromServer, A, B, C, D>
  // The overloads above say what services the codecs of either form need.
): never => makeProtocol(name, parts) as never

/**
 * The same protocol with the roles exchanged: what the client sent, the server sends.
 *
 * @category combinators
 * @since 0.1.0
 */
export const flip = <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>
): Protocol<FromServer, FromClient, ClientServices, ServerServices> => ({
  name: protocol.name,
  framing: protocol.framing,
  ...(protocol.selfDelimiting && { selfDelimiting: true }),
  fromClient: protocol.fromServer,
  fromServer: protocol.fromClient,
  ...(protocol.switchable && { switchable: true }),
  ...(protocol.versions && {
    versions: {
      hello: protocol.versions.hello,
      codecs: protocol.versions.codecs.map(({ fromClient, fromServer, name }) => ({
        name,
        fromClient: fromServer,
        fromServer: fromClient
      }))
    }
  }),
  ...(protocol.heartbeat && {
    heartbeat: { fromClient: protocol.heartbeat.fromServer, fromServer: protocol.heartbeat.fromClient }
  }),
  problems: protocol.problems
})

/**
 * The same protocol with pings and pongs among its messages.
 *
 * For each direction, how its pings and pongs are made and known. They never reach a handler: a ping is answered at
 * once, ahead of all queued messages, and a pong tells the round-trip time. When to ping, `heartbeat` in the options
 * of a server or client says; `Heartbeat.HeartbeatOptions` tells how it goes.
 *
 * Both ends may ping, or one. A ping that the other end has no pong for is a mere sign of life.
 *
 * **Example** (The server pings, the client answers)
 *
 * ```ts
 * import { Codec, Framing, Protocol } from "effect-sluice"
 *
 * const Chat = Protocol.make("Chat", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const LivelyChat = Protocol.heartbeat(Chat, {
 *   fromServer: { ping: { make: () => "PING", is: (line) => line === "PING" } },
 *   fromClient: { pong: { make: () => "PONG", is: (line) => line === "PONG" } }
 * })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const heartbeat = <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  messages: NoInfer<HeartbeatMessages<FromClient, FromServer>>
): Protocol<FromClient, FromServer, ServerServices, ClientServices> => ({
  ...protocol,
  heartbeat: messages,
  problems: [...protocol.problems, ...heartbeatProblems(messages)]
})

/**
 * The same protocol, which a connection may leave: for another protocol with `connection.switchProtocol`, or for TLS
 * with `connection.startTls`.
 *
 * Such a connection looks at its bytes one message at a time: the bytes behind a message stay as they are until its
 * handler asks for the next one, for they may be of another protocol. Meanwhile nothing more is read; what one read
 * held (at most 64 KiB) waits, and pings in it are answered when their turn comes. The peer's end too is told only
 * when all before it was taken. It costs a look at every single byte, so it is meant for greetings and negotiations:
 * a protocol that is entered by a switch and is not switchable itself is read as fast as ever.
 *
 * **Example** (Lines, until the client asks for JSON)
 *
 * ```ts
 * import { Codec, Framing, Handler, Protocol, Server } from "effect-sluice"
 * import { Effect, Schema, Stream } from "effect"
 *
 * const Plain = Protocol.switchable(
 *   Protocol.make("Plain", { framing: Framing.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })
 * )
 * const Event = Codec.json(Schema.Struct({ level: Schema.Finite }))
 * const Events = Protocol.make("Events", {
 *   framing: Framing.lengthPrefixed(),
 *   fromClient: Event,
 *   fromServer: Event
 * })
 *
 * const server = Server.make(Plain, Handler.each((line, connection) =>
 *   line !== "JSON" ? connection.send(`no ${line} here`) : Effect.gen(function* () {
 *     yield* connection.send("JSON it is")
 *     const events = yield* connection.switchProtocol(Events)
 *     yield* Stream.run(events.messages, events.sink)
 *   })
 * ))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const switchable = <FromClient, FromServer, ServerServices, ClientServices>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>
): Protocol<FromClient, FromServer, ServerServices, ClientServices> => {
  const switched = { ...protocol, switchable: true }
  return protocol.versions === undefined
    ? switched
    : { ...switched, problems: [...protocol.problems, notBoth] }
}

/** A hello is read before anybody asks for a message. */
const notBoth: OptionProblem = {
  path: "versions",
  message: "a protocol is versioned or switchable, not both"
}

/**
 * The same protocol, whose two ends first find out whether they understand each other; see `Versions`.
 *
 * Each end sends a hello with its version, the versions that it accepts and its codecs. A server runs the handler, and a
 * client has its connection, once both have agreed; `connection.agreed` tells on what. An end that does not agree
 * closes with the reason `Refused` (`version`), and the client's connecting fails with `VersionMismatch`. A peer has the
 * deadline `hello` for its hello, on a client 10 seconds.
 *
 * The framing must carry text as one frame: `fixedLength`, `none` and `untilEnd` do not. A protocol is versioned or
 * `switchable`, not both.
 *
 * **Example** (Version 3, which still understands 2, and rather speaks binary)
 *
 * ```ts
 * import { Codec, Framing, Protocol } from "effect-sluice"
 * import { Schema } from "effect"
 *
 * const Say = Schema.Struct({ text: Schema.String })
 *
 * const Chat = Protocol.versioned(
 *   Protocol.make("Chat", {
 *     framing: Framing.lengthPrefixed(),
 *     fromClient: Codec.json(Say),
 *     fromServer: Codec.json(Say)
 *   }),
 *   {
 *     version: 3,
 *     accepts: [2, 3],
 *     codecs: [{ name: "binary", fromClient: Codec.binary(Say), fromServer: Codec.binary(Say) }]
 *   }
 * )
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const versioned = <
  FromClient,
  FromServer,
  ServerServices,
  ClientServices,
  OtherServerServices = never,
  OtherClientServices = never
>(
  protocol: Protocol<FromClient, FromServer, ServerServices, ClientServices>,
  options: VersionOptions<NoInfer<FromClient>, NoInfer<FromServer>, OtherServerServices, OtherClientServices>
): Protocol<
  FromClient,
  FromServer,
  ServerServices | OtherServerServices,
  ClientServices | OtherClientServices
> => {
  const hello = helloOf(protocol.name, options)
  return {
    ...protocol,
    versions: { hello, codecs: options.codecs ?? [] },
    problems: [
      ...protocol.problems,
      ...versionProblems(protocol.framing, hello),
      ...(protocol.switchable === true ? [notBoth] : [])
    ]
  }
}

/**
 * A message of a tagged protocol whose id nobody knows. The connection counts it and lives; `Handler.route` hands
 * it to `otherwise`.
 *
 * @category models
 * @since 0.1.0
 */
export { UnknownMessage } from "./internal/codec/tagged.ts"

/**
 * One kind of message of a tagged protocol: its id on the wire, and a schema or a codec for its body.
 *
 * @category models
 * @since 0.1.0
 */
export type TaggedMessage<A, RD, RE> =
  | { readonly id: number; readonly schema: Schema.Codec<A, unknown, RD, RE> }
  | { readonly id: number; readonly codec: Codec.Codec<A, RD, RE> }

/**
 * The messages of a table of a tagged protocol, as a union.
 *
 * @category models
 * @since 0.1.0
 */
export type MessagesOf<Table> = { readonly [Tag in keyof Table]: EntryMessage<Table[Tag]> }[keyof Table]

/**
 * How the id of a message stands in its frame, where the framing has no type field of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface IdOptions {
  /** Bytes of the id, before the body: 1, 2, 3 or 4. Default 2. */
  readonly width?: number
  /** Default `big`. */
  readonly byteOrder?: ByteOrder
}

/**
 * A protocol of typed messages that are told apart by a number on the wire.
 *
 * Each message is an object whose `_tag` is the name that it is listed under. With `Framing.typeLengthValue` the
 * id is the frame's type, and `id` is no option; with any other framing it stands in front of the body, as `id` says.
 * A `schema` travels in the JSON form, `codec` in whatever form it has. An id listed twice, or one that does not fit
 * its width, is a problem of the protocol. A message with an unknown id does not end the connection: it is counted and left out,
 * or reaches the `otherwise` of `Handler.route`.
 *
 * **Example** (Readings of a pump)
 *
 * ```ts
 * import { Framing, Protocol } from "effect-sluice"
 * import { Schema } from "effect"
 *
 * const Pump = Protocol.tagged("Pump", {
 *   framing: Framing.typeLengthValue(),
 *   messages: {
 *     Reading: { id: 1, schema: Schema.TaggedStruct("Reading", { litres: Schema.Finite }) },
 *     Alarm: { id: 2, schema: Schema.TaggedStruct("Alarm", { text: Schema.String }) }
 *   }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const tagged: {
  <const Table extends Record<string, IdOnWire>>(
    name: string,
    options: {
      readonly framing: Framing
      readonly id?: IdOptions
      readonly messages: Table & CheckedTable<Table>
    }
  ): Protocol<
    MessagesOf<Table>,
    MessagesOf<Table>,
    DecodingOf<Table> | EncodingOf<Table>,
    DecodingOf<Table> | EncodingOf<Table>
  >
  <const ClientTable extends Record<string, IdOnWire>, const ServerTable extends Record<string, IdOnWire>>(
    name: string,
    options: {
      readonly framing: Framing
      readonly id?: IdOptions
      readonly fromClient: ClientTable & CheckedTable<ClientTable>
      readonly fromServer: ServerTable & CheckedTable<ServerTable>
    }
  ): Protocol<
    MessagesOf<ClientTable>,
    MessagesOf<ServerTable>,
    DecodingOf<ClientTable> | EncodingOf<ServerTable>,
    DecodingOf<ServerTable> | EncodingOf<ClientTable>
  >
} = (name: string, options: TaggedOptions): never => {
  const fromClient = "messages" in options ? options.messages : options.fromClient
  const fromServer = "messages" in options ? options.messages : options.fromServer
  const layout = options.framing.type ?? idLayout(options.id)
  const problems = [
    ...problemsAt("framing", options.framing),
    ...idProblems(options),
    ...layoutProblems(options.framing, layout),
    ...tableProblems("messages" in options ? "messages" : "fromClient", fromClient, layout),
    ...("messages" in options ? [] : tableProblems("fromServer", fromServer, layout))
  ]
  const protocol = {
    name,
    framing: options.framing,
    fromClient: taggedCodec(fromClient, layout),
    fromServer: taggedCodec(fromServer, layout),
    problems
  }
  // The overloads above state the types that the tables' entries give; inside, an entry is just id and codec.
  return protocol as never
}
