/** The chat for programs: JSON messages, shared by the server, `client.ts` and the page. One a line, or one a WebSocket message. */
import { Schema } from "effect"
import * as Codec from "effect-sluice/Codec"
import * as Framing from "effect-sluice/Framing"
import * as Protocol from "effect-sluice/Protocol"

export const ClientMessage = Schema.Union([
  Schema.TaggedStruct("Join", { name: Schema.String }),
  Schema.TaggedStruct("Say", { text: Schema.String }),
  Schema.TaggedStruct("Enter", { room: Schema.String }),
  Schema.TaggedStruct("Leave", {}),
  Schema.TaggedStruct("Who", {}),
  Schema.TaggedStruct("List", {}),
  Schema.TaggedStruct("Pong", {})
])

export const ServerMessage = Schema.Union([
  Schema.TaggedStruct("Welcome", { name: Schema.String }),
  Schema.TaggedStruct("Refused", { reason: Schema.String }),
  Schema.TaggedStruct("Entered", { room: Schema.String }),
  Schema.TaggedStruct("Rooms", { rooms: Schema.Array(Schema.String) }),
  Schema.TaggedStruct("Members", { names: Schema.Array(Schema.String) }),
  Schema.TaggedStruct("Joined", { name: Schema.String }),
  Schema.TaggedStruct("Left", { name: Schema.String }),
  Schema.TaggedStruct("Said", { name: Schema.String, text: Schema.String }),
  Schema.TaggedStruct("Closing", {}),
  Schema.TaggedStruct("Ping", {})
])

export type ClientMessage = typeof ClientMessage.Type
export type ServerMessage = typeof ServerMessage.Type

const Messages = Protocol.make("ChatJson", {
  framing: Framing.lines({ maxLength: 4096 }),
  fromClient: Codec.json(ClientMessage),
  fromServer: Codec.json(ServerMessage)
})

const ping: ServerMessage = { _tag: "Ping" }
const pong: ClientMessage = { _tag: "Pong" }

/** The server asks a silent program whether it is still there; neither end's handler sees the question or the answer. */
export const ChatJson = Protocol.heartbeat(Messages, {
  fromServer: { ping: { make: () => ping, is: ({ _tag }) => _tag === "Ping" } },
  fromClient: { pong: { make: () => pong, is: ({ _tag }) => _tag === "Pong" } }
})
