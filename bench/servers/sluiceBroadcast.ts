/** This library, telling every member what one of them says. */
import { Effect } from "effect"
import { Codec, type Connections, Framing, Handler, Protocol } from "effect-sluice"
import { serveSluice } from "../lib/sluiceServer.ts"

const Room = Protocol.make("BenchRoom", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

let members: Connections.Connections<Uint8Array, Uint8Array> | undefined

serveSluice(
  Room,
  Handler.each((message) =>
    Effect.flatMap(
      members === undefined ? Effect.die("nobody is here") : members.broadcast(message),
      ({ failed }) => (failed.length === 0 ? Effect.void : Effect.die(`${failed.length} did not get it`))
    )
  ),
  // Members only listen, all but one.
  { deadlines: { hello: "off", readIdle: "off" } },
  (server) =>
    Effect.map(server.connections(Room), (connections) => {
      members = connections
    })
)
