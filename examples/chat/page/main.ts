/** The chat in a page: the typed client that comes back by itself, over the browser's WebSocket. */
import { Deferred, Duration, Effect, Fiber, Stream, SubscriptionRef } from "effect"
import * as Client from "effect-sluice/Client"
import * as TransportBrowser from "effect-sluice/TransportBrowser"
import { ChatJson, type ClientMessage, type ServerMessage } from "../protocol.ts"
import * as View from "./view.ts"

type ChatClient = Client.Client<ServerMessage, ClientMessage>

const lobby = "lobby"

/** Where we are, which is where we come back to. */
let room = lobby
let rooms: ReadonlyArray<string> = [lobby]

/** The client of somebody in the chat; whoever sits there talks through it. */
let current: ChatClient | undefined

/** Nobody waits: what finds no connection stays in its field. */
const trySend = (message: ClientMessage): boolean =>
  current !== undefined && Effect.runSync(Effect.orElseSucceed(current.trySend(message), () => false))

/** What one looks at after every coming and going. */
const look = (): void => {
  trySend({ _tag: "List" })
  trySend({ _tag: "Who" })
}

const hear = (me: string, message: ServerMessage): void => {
  switch (message._tag) {
    case "Said":
      View.showMessage(message.name, message.text, false)
      break
    case "Joined":
    case "Left":
      View.showNotice(`${message.name} ${message._tag === "Joined" ? "joined" : "left"}`)
      look()
      break
    case "Entered":
      room = message.room
      View.showRooms(rooms, room)
      View.showNotice(`You are in ${room}`)
      look()
      break
    case "Rooms":
      rooms = message.rooms.includes(room) ? message.rooms : [...message.rooms, room]
      View.showRooms(rooms, room)
      break
    case "Members":
      View.showPeople(message.names, me)
      break
    case "Refused":
      View.showNotice(message.reason)
      break
    case "Closing":
      View.showNotice("The chat closes for a moment")
  }
}

/** Whether we were connected once, and are not at the moment. */
let lost = false

const showStatus = (status: Client.ClientStatus): void => {
  if (status._tag === "Up") {
    View.showStatus("up", "Connected")
    if (lost) View.showNotice("Connected again")
    lost = false
  } else if (status._tag === "Down") {
    if (current !== undefined && !lost) View.showNotice("The connection is lost")
    lost = current !== undefined
    View.showStatus("down", `Reconnecting in ${Math.ceil(Duration.toSeconds(status.retryIn))} s`)
  } else View.showStatus("connecting", lost ? "Reconnecting" : "Connecting")
}

/** Stays for as long as nobody refuses the name at the very first. */
const stay = Effect.fnUntraced(function* (name: string) {
  const first = yield* Deferred.make<void, string>()
  const client = yield* Client.make(ChatJson, {
    whenDown: "fail",
    onConnect: (connection, next) =>
      Effect.gen(function* () {
        yield* connection.send({ _tag: "Join", name })
        const answer = yield* next
        if (answer._tag === "Refused") {
          // Later it is our own name, held by a connection that the server still believes in.
          yield* Deferred.fail(first, answer.reason)
          return yield* Effect.fail(answer.reason)
        }
        yield* Deferred.succeed(first, undefined)
        if (room !== lobby) yield* connection.send({ _tag: "Enter", room })
        yield* connection.sendAll([{ _tag: "List" }, { _tag: "Who" }])
      })
  })
  yield* Effect.forkScoped(
    Stream.runForEach(SubscriptionRef.changes(client.status), (status) =>
      Effect.sync(() => showStatus(status))
    )
  )
  yield* Deferred.await(first)
  current = client
  View.showRooms(rooms, room)
  View.showChat(name)
  View.showNotice(`Welcome, ${name}`)
  return yield* Stream.runForEach(client.messages, (message) => Effect.sync(() => hear(name, message)))
})

let staying: Fiber.Fiber<unknown> | undefined

const join = (name: string): boolean => {
  if (staying !== undefined) Effect.runFork(Fiber.interrupt(staying))
  View.showStatus("connecting", "Connecting")
  staying = Effect.runFork(
    stay(name).pipe(
      Effect.scoped,
      Effect.provide(TransportBrowser.layer({ url: "/chat" })),
      Effect.catch((error) =>
        Effect.sync(() => View.showDoor(typeof error === "string" ? error : error.message))
      ),
      Effect.ensuring(
        Effect.sync(() => {
          current = undefined
        })
      )
    )
  )
  return true
}

View.listen({
  join,
  say: (text) => {
    const sent = trySend({ _tag: "Say", text })
    if (sent) View.showMessage(document.getElementById("me")?.textContent ?? "", text, true)
    return sent
  },
  enter: (next) => next !== "" && (next === room || trySend({ _tag: "Enter", room: next }))
})
