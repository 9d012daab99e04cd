/** The room for people with a terminal: lines in, lines out. */
import { Effect, Option, Stream } from "effect"
import { Codec, Connection, Framing, Protocol, Server } from "effect-sluice"
import { type Event, isName, Room } from "./room.ts"

const Text = Protocol.make("ChatText", {
  framing: Framing.lines({ maxLength: 1024, oversize: "skip", end: "drop" }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Person = Connection.Connection<string, string>

const Nickname = Connection.attribute<string>("nickname")

const toLine = (event: Event): string => {
  switch (event._tag) {
    case "Joined":
      return `* ${event.name} joined`
    case "Left":
      return `* ${event.name} left`
    case "Said":
      return `${event.name}: ${event.text}`
  }
}

// What people type may move their neighbours' cursors.
const printable = (line: string): string => line.replaceAll(/\p{Cc}/gu, "").trim()

const enter = Effect.fnUntraced(function* (person: Person, name: string) {
  if (!isName(name))
    return yield* person.send("A nickname has 1 to 20 letters, digits, _ or -. Your nickname?")
  const room = yield* Room
  const events = yield* room.join(name)
  if (events === false) return yield* person.send(`${name} is taken. Your nickname?`)
  yield* person.attributes.set(Nickname, name)
  yield* person.send(`Welcome, ${name}. /who lists the room, /quit leaves it.`)
  return yield* person.fork(Stream.run(Stream.map(events, toLine), person.sink))
})

const say = Effect.fnUntraced(function* (person: Person, name: string, line: string) {
  const room = yield* Room
  if (line === "") return
  if (line === "/who") return yield* person.send(`In the room: ${(yield* room.members).join(", ")}`)
  if (line.startsWith("/")) return yield* person.send("There are /who and /quit.")
  return yield* room.say(name, line)
})

const handle = Effect.fnUntraced(function* (person: Person) {
  yield* person.send("Your nickname?")
  yield* person.messages.pipe(
    Stream.map(printable),
    Stream.takeWhile((line) => line !== "/quit"),
    Stream.runForEach((line) =>
      Option.match(person.attributes.get(Nickname), {
        onNone: () => enter(person, line),
        onSome: (name) => say(person, name, line)
      })
    )
  )
  yield* Effect.ignore(person.send("Bye."))
})

export const TextServer = Server.make(Text, handle, {
  // People think before they type, and like to listen.
  deadlines: { hello: "2 minutes", readIdle: "off" },
  goodbye: "* the chat closes",
  onMessageError: () => "That was not UTF-8."
})
