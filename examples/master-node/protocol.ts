/** What a node and its master say to each other: JSON, one message a line. */
import { Schema } from "effect"
import { Codec, Framing, Protocol } from "effect-sluice"

const FromNode = Schema.Union([
  Schema.TaggedStruct("Register", { name: Schema.String }),
  Schema.TaggedStruct("Pong", {})
])

const FromMaster = Schema.Union([Schema.TaggedStruct("Registered", {}), Schema.TaggedStruct("Ping", {})])

export type FromNode = typeof FromNode.Type
export type FromMaster = typeof FromMaster.Type

const Messages = Protocol.make("Cluster", {
  framing: Framing.lines({ maxLength: 1024 }),
  fromClient: Codec.json(FromNode),
  fromServer: Codec.json(FromMaster)
})

/** The master pings, the node answers; neither end's handler sees it. */
export const Cluster = Protocol.heartbeat(Messages, {
  fromServer: { ping: { make: () => ({ _tag: "Ping" }), is: ({ _tag }) => _tag === "Ping" } },
  fromClient: { pong: { make: () => ({ _tag: "Pong" }), is: ({ _tag }) => _tag === "Pong" } }
})
