/** A typed client of the chat: says what comes in on standard input, prints what the room says. `client.ts NAME [PORT]` */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { Console, Effect, Stdio, Stream } from "effect"
import { Client, TransportNode } from "effect-sluice"
import { ChatJson, type ClientMessage, type ServerMessage } from "./protocol.ts"

const toLine = (message: ServerMessage): string => {
  switch (message._tag) {
    case "Welcome":
      return `Welcome, ${message.name}.`
    case "Refused":
      return `Refused: ${message.reason}`
    case "Entered":
      return `You are in ${message.room}.`
    case "Rooms":
      return `Rooms: ${message.rooms.join(", ")}`
    case "Members":
      return `In the room: ${message.names.join(", ")}`
    case "Joined":
      return `* ${message.name} joined`
    case "Left":
      return `* ${message.name} left`
    case "Said":
      return `${message.name}: ${message.text}`
    case "Ping":
      return ""
    case "Closing":
      return "* the chat closes"
  }
}

const toMessage = (line: string): ClientMessage => {
  if (line.startsWith("/join ")) return { _tag: "Enter", room: line.slice("/join ".length) }
  if (line === "/leave") return { _tag: "Leave" }
  if (line === "/who") return { _tag: "Who" }
  if (line === "/rooms") return { _tag: "List" }
  return { _tag: "Say", text: line }
}

const program = Effect.gen(function* () {
  const [name = "guest"] = process.argv.slice(2)
  const client = yield* Client.connect(ChatJson)
  yield* client.send({ _tag: "Join", name })

  const stdio = yield* Stdio.Stdio
  const typed = stdio.stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => client.send(toMessage(line)))
  )
  const heard = Stream.runForEach(client.messages, (message) => Console.log(toLine(message)))
  // The end of what is typed ends our side; what the room still says is printed. Its end is ours, typed or not.
  yield* Effect.raceFirst(heard, Effect.andThen(typed, Effect.andThen(client.end, Effect.never)))
  process.stdin.destroy()
})

const port = Number(process.argv[3] ?? process.env.JSON_PORT ?? 7001)

program.pipe(
  Effect.scoped,
  Effect.provide([NodeStdio.layer, TransportNode.layerTcpClient({ port })]),
  NodeRuntime.runMain
)
