/** The chat for people with a terminal: lines in, lines out. */
import { Effect, Option, Stream } from "effect"
import { Codec, type Connection, Framing, Protocol, Server } from "effect-sluice"
import { type Event, isName, lobby, nameOf, printable, Rooms } from "./rooms.ts"

const Text = Protocol.make("ChatText", {
  framing: Framing.lines({ maxLength: 1024, oversize: "skip", end: "drop" }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Person = Connection.Connection<string, string>

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

const arrive = Effect.fnUntraced(function* (person: Person, name: string) {
  if (!isName(name))
    return yield* person.send("A nickname has 1 to 20 letters, digits, _ or -. Your nickname?")
  const rooms = yield* Rooms
  return yield* Effect.matchEffect(rooms.arrive(person, name, toLine), {
    onFailure: (reason) => person.send(`${reason}. Your nickname?`),
    onSuccess: () => person.send(`Welcome, ${name}. /who lists the room, /help the commands.`)
  })
})

const enter = Effect.fnUntraced(function* (person: Person, room: string) {
  if (!isName(room)) return yield* person.send("A room has 1 to 20 letters, digits, _ or -.")
  const rooms = yield* Rooms
  return yield* Effect.matchEffect(rooms.enter(person, room, toLine), {
    onFailure: (reason) => person.send(`${reason}.`),
    onSuccess: () => person.send(`You are in ${room}.`)
  })
})

const help = "There are /join ROOM, /leave, /rooms, /who and /quit."

const say = Effect.fnUntraced(function* (person: Person, line: string) {
  const rooms = yield* Rooms
  if (line === "") return
  if (line.startsWith("/join ")) return yield* enter(person, line.slice("/join ".length))
  if (line === "/leave") return yield* enter(person, lobby)
  if (line === "/rooms") return yield* person.send(`Rooms: ${(yield* rooms.rooms).join(", ")}`)
  if (line === "/who") return yield* person.send(`In the room: ${(yield* rooms.members(person)).join(", ")}`)
  if (line.startsWith("/")) return yield* person.send(help)
  return yield* rooms.say(person, line)
})

const handle = Effect.fnUntraced(function* (person: Person) {
  yield* person.send("Your nickname?")
  yield* person.messages.pipe(
    Stream.map(printable),
    Stream.takeWhile((line) => line !== "/quit"),
    Stream.runForEach((line) => (Option.isNone(nameOf(person)) ? arrive(person, line) : say(person, line)))
  )
  yield* Effect.ignore(person.send("Bye."))
})

export const TextServer = Server.make(Text, handle, {
  // People think before they type, and like to listen.
  deadlines: { hello: "2 minutes", readIdle: "off" },
  goodbye: "* the chat closes",
  onMessageError: () => "That was not UTF-8."
})
