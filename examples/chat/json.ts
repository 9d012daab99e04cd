/** The room for programs: the same room as in `text.ts`, by typed messages. */
import { Effect, Option, Stream } from "effect"
import { Connection, Handler, Server } from "effect-sluice"
import { ChatJson, type ClientMessage, type ServerMessage } from "./protocol.ts"
import { isName, Room } from "./room.ts"

type Program = Connection.Connection<ClientMessage, ServerMessage>

const Nickname = Connection.attribute<string>("nickname")

const refuse = (program: Program, reason: string) => program.send({ _tag: "Refused", reason })

const join = Effect.fnUntraced(function* (program: Program, name: string) {
  if (Option.isSome(program.attributes.get(Nickname))) return yield* refuse(program, "joined already")
  if (!isName(name)) return yield* refuse(program, "a nickname has 1 to 20 letters, digits, _ or -")
  const room = yield* Room
  const events = yield* room.join(name)
  if (events === false) return yield* refuse(program, `${name} is taken`)
  yield* program.attributes.set(Nickname, name)
  yield* program.send({ _tag: "Welcome", name })
  return yield* program.fork(Stream.run(events, program.sink))
})

const handler = Handler.route(ChatJson, {
  Join: ({ name }, program) => join(program, name),
  Say: ({ text }, program) =>
    Option.match(program.attributes.get(Nickname), {
      onNone: () => refuse(program, "join first"),
      onSome: (name) => Effect.flatMap(Room, (room) => room.say(name, text))
    }),
  Pong: () => Effect.void,
  Who: (_message, program) =>
    Effect.flatMap(Room, (room) =>
      Effect.flatMap(room.members, (names) => program.send({ _tag: "Members", names }))
    )
})

export const JsonServer = Server.make(ChatJson, handler, {
  goodbye: { _tag: "Closing" },
  onMessageError: (error): ServerMessage => ({ _tag: "Refused", reason: error.issue.message })
})
