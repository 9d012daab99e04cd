/**
 * A server for the Go programs in tao's own examples: messages of a 4-byte little-endian type and length.
 *
 * `MODE=echo` (default) sends each message back, `MODE=chat` sends it to every connection, its sender too, and
 * `MODE=pingpong` answers `pong` to each `ping`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect } from "effect"
import {
  Codec,
  type Connection,
  Framing,
  Handler,
  Protocol,
  Server,
  Shutdown,
  Transport,
  TransportNode
} from "effect-sluice"

interface HeartBeat {
  readonly _tag: "HeartBeat"
  /** Nanoseconds since 1970, as Go counts them. */
  readonly timestamp: bigint
}

interface Text {
  readonly _tag: "Text"
  readonly text: string
}

const heartBeat: Codec.Codec<HeartBeat> = Codec.make("heartBeat", {
  decode: (body) =>
    body.length === 8
      ? Effect.succeed({ _tag: "HeartBeat", timestamp: view(body).getBigInt64(0, true) })
      : Codec.fail("heartBeat", `must be 8 bytes, is ${body.length}`),
  encode: ({ timestamp }) => {
    const body = new Uint8Array(8)
    view(body).setBigInt64(0, timestamp, true)
    return Effect.succeed(body)
  }
})

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const text: Codec.Codec<Text> = Codec.transform(Codec.utf8, {
  decode: (text): Text => ({ _tag: "Text", text }),
  encode: ({ text }) => text
})

const Tao = Protocol.tagged("Tao", {
  framing: Framing.typeLengthValue(),
  messages: { HeartBeat: { id: 0, codec: heartBeat }, Text: { id: 1, codec: text } }
})

type Message = HeartBeat | Text
type Peer = Connection.Connection<Message, Message>

const echo = Handler.route(Tao, {
  HeartBeat: () => Effect.void,
  Text: (message, peer) => peer.send(message)
})

const pingpong = Handler.route(Tao, {
  HeartBeat: () => Effect.void,
  Text: (message, peer) =>
    message.text.trim() === "ping" ? peer.send({ _tag: "Text", text: "pong" }) : Effect.void
})

// A peer that does not read misses messages rather than holding up the others.
const peers = new Set<Peer>()
const chat: Handler.Handler<Message, Message, unknown> = (peer) =>
  Effect.sync(() => peers.add(peer)).pipe(
    Effect.andThen(toEveryone(peer)),
    Effect.ensuring(Effect.sync(() => peers.delete(peer)))
  )
const toEveryone = Handler.route(Tao, {
  HeartBeat: () => Effect.void,
  Text: (message) => Effect.forEach(peers, (peer) => Effect.ignore(peer.trySend(message)), { discard: true })
})

const handlers = { echo, chat, pingpong }

const program = Effect.gen(function* () {
  const mode = yield* Config.Literals(["echo", "chat", "pingpong"], "MODE").pipe(Config.withDefault("echo"))
  const server = yield* Server.make(Tao, handlers[mode])
  yield* Effect.log(`tao (${mode}) listens on ${Transport.formatAddress(server.address)}`)
  return yield* Effect.never
})

program.pipe(
  Effect.scoped,
  Effect.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
