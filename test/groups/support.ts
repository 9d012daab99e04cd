/** A server whose connections can join groups, and its clients. */
import { Effect, Scope, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import { eventually, open } from "../support/pair.ts"
import * as rigs from "../transport/rigs.ts"

export const Text = Protocol.make("Text", {
  framing: Framing.lines({ maxLength: 1 << 20 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

export type Peer = Connection.Connection<string, string>

/** Lines whose encodings are counted. */
export const counted = () => {
  const count = { encoded: 0 }
  const protocol = Protocol.make("Counted", {
    framing: Framing.lines({ maxLength: 1 << 20 }),
    fromClient: Codec.utf8,
    fromServer: Codec.make<string>("counted", {
      decode: Codec.utf8.decode,
      encode: (text) => {
        count.encoded++
        return Codec.utf8.encode(text)
      }
    })
  })
  return { count, protocol }
}

export interface Guest<In, Out> {
  /** As the server has it. */
  readonly peer: Connection.Connection<In, Out>
  readonly client: Connection.Connection<Out, In>
  /** Breaks the connection from the client's side, and waits until the server's is gone. */
  readonly leave: Effect.Effect<void>
}

/** A server and so many clients, with the server's connection of each. Peers that send nothing may stay. */
export const house = Effect.fnUntraced(function* <In, Out>(
  count: number,
  protocol: Protocol.Protocol<In, Out>,
  options: Parameters<typeof open<In, Out, unknown>>[3] = {},
  rig: rigs.Rig = rigs.memory
) {
  const peers: Array<Connection.Connection<In, Out>> = []
  const { connect, server } = yield* open(
    rig,
    protocol,
    (connection: Connection.Connection<In, Out>) =>
      Effect.suspend(() => {
        peers.push(connection)
        return Stream.runDrain(connection.messages)
      }),
    { ...options, server: { deadlines: { hello: "off", readIdle: "off" }, ...options.server } }
  )
  const outer = yield* Effect.scope
  const guests: Array<Guest<In, Out>> = []
  for (let i = 0; i < count; i++) {
    const scope = yield* Scope.fork(outer)
    const client = yield* Effect.provideService(connect, Scope.Scope, scope)
    yield* eventually(() => peers.length > i, "the server has it")
    const peer = peers[i]!
    guests.push({ peer, client, leave: Effect.andThen(client.abort, Effect.asVoid(peer.closed)) })
  }
  return { server, guests }
})
