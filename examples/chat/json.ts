/** The chat for programs and for the page: the same rooms as in `text.ts`, by typed messages. */
import { Effect, Option } from "effect"
import { type Connection, Handler, Server } from "effect-sluice"
import { ChatJson, type ClientMessage, type ServerMessage } from "./protocol.ts"
import { type Event, isName, lobby, maxText, nameOf, printable, Rooms } from "./rooms.ts"

type Program = Connection.Connection<ClientMessage, ServerMessage>

// What happens in a room is a message already.
const asMessage = (event: Event): ServerMessage => event

const refuse = (program: Program, reason: string) => program.send({ _tag: "Refused", reason })

const arrive = Effect.fnUntraced(function* (program: Program, name: string) {
  if (Option.isSome(nameOf(program))) return yield* refuse(program, "joined already")
  if (!isName(name)) return yield* refuse(program, "a nickname has 1 to 20 letters, digits, _ or -")
  const rooms = yield* Rooms
  return yield* Effect.matchEffect(rooms.arrive(program, name, asMessage), {
    onFailure: (reason) => refuse(program, reason),
    onSuccess: () => program.send({ _tag: "Welcome", name })
  })
})

const enter = Effect.fnUntraced(function* (program: Program, room: string) {
  if (Option.isNone(nameOf(program))) return yield* refuse(program, "join first")
  if (!isName(room)) return yield* refuse(program, "a room has 1 to 20 letters, digits, _ or -")
  const rooms = yield* Rooms
  return yield* Effect.matchEffect(rooms.enter(program, room, asMessage), {
    onFailure: (reason) => refuse(program, reason),
    onSuccess: () => program.send({ _tag: "Entered", room })
  })
})

const say = Effect.fnUntraced(function* (program: Program, text: string) {
  if (Option.isNone(nameOf(program))) return yield* refuse(program, "join first")
  if (text === "") return
  if (text.length > maxText) return yield* refuse(program, `more than ${maxText} characters`)
  const rooms = yield* Rooms
  return yield* rooms.say(program, text)
})

const handler = Handler.route(ChatJson, {
  Join: ({ name }, program) => arrive(program, name),
  Enter: ({ room }, program) => enter(program, room),
  Leave: (_message, program) => enter(program, lobby),
  Say: ({ text }, program) => say(program, printable(text)),
  Who: Effect.fnUntraced(function* (_message, program) {
    const rooms = yield* Rooms
    yield* program.send({ _tag: "Members", names: yield* rooms.members(program) })
  }),
  List: Effect.fnUntraced(function* (_message, program) {
    const rooms = yield* Rooms
    yield* program.send({ _tag: "Rooms", rooms: yield* rooms.rooms })
  }),
  Pong: () => Effect.void
})

export const JsonServer = Server.make(ChatJson, handler, {
  goodbye: { _tag: "Closing" },
  onMessageError: (error): ServerMessage => ({ _tag: "Refused", reason: error.issue.message })
})
