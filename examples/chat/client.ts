/** A typed client of the chat: says what comes in on standard input, prints what the room says. `client.ts NAME [PORT]` */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import { Console, Effect, Stdio, Stream, SubscriptionRef } from "effect"
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
  // When the server comes back after a crash, so do we, by the same name.
  const client = yield* Client.make(ChatJson, {
    onConnect: (connection) => connection.send({ _tag: "Join", name })
  })

  yield* SubscriptionRef.changes(client.status).pipe(
    Stream.filter((status) => status._tag === "Down"),
    Stream.runForEach(({ failure }) => Console.error(`* no chat, trying again: ${failure.message}`)),
    Effect.forkScoped
  )

  const stdio = yield* Stdio.Stdio
  const typed = stdio.stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => client.send(toMessage(line)))
  )
  // The end of what is typed ends our side; what the room still says is printed.
  const typedOut = typed.pipe(
    Effect.andThen(client.awaitUp),
    Effect.flatMap((connection) => Effect.andThen(connection.end, connection.closed))
  )
  // Where the room itself says that it closes, there is nothing to come back to.
  const heard = client.messages.pipe(
    Stream.takeUntil((message) => message._tag === "Closing"),
    Stream.runForEach((message) => Console.log(toLine(message)))
  )
  yield* Effect.raceFirst(heard, typedOut)
  process.stdin.destroy()
})

const port = Number(process.argv[3] ?? process.env.JSON_PORT ?? 7001)

program.pipe(
  Effect.scoped,
  Effect.provide([NodeStdio.layer, TransportNode.layerTcpClient({ port })]),
  NodeRuntime.runMain
)
