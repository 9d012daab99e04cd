/** Rooms, as a server of one process would have them: only `Rooms` and `Everyone` know that there are several. */
import { Context, Effect, Layer, Stream } from "effect"
import { Codec, type Connection, Framing, Multicore, Protocol, Server, Transport } from "effect-sluice"

export class Rooms extends Context.Service<Rooms, Multicore.MachineGroups<string, string>>()(
  "examples/multicore/Rooms"
) {}

const Chat = Protocol.make("Chat", {
  framing: Framing.lines({ maxLength: 1024 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Person = Connection.Connection<string, string>

const move = Effect.fnUntraced(function* (person: Person, room: string) {
  const rooms = yield* Rooms
  yield* rooms.leaveAll(person)
  yield* rooms.join(room, person)
  const { value } = yield* rooms.countEverywhere(room)
  yield* person.send(`you are in ${room}, with ${value - 1} others`)
})

/** What is said to the whole machine, and about it. */
const command = Effect.fnUntraced(function* (person: Person, name: string, text: string) {
  const machine = yield* Multicore.Multicore
  const everyone = machine.connections(Chat)
  switch (name) {
    case "/join":
      return yield* move(person, text)
    case "/pid":
      return yield* person.send(`process ${process.pid}`)
    case "/all": {
      const { value } = yield* everyone.broadcast(`to all: ${text}`)
      return yield* person.send(`${value.delivered} have it`)
    }
    case "/list": {
      const { value } = yield* everyone.list()
      const lines = value.map(
        ({ id, remoteAddress, worker }) => `${worker}/${id} ${Transport.formatAddress(remoteAddress)}`
      )
      return yield* person.send(`${value.length} connections: ${lines.join(", ")}`)
    }
    case "/kick": {
      const [worker = 0, id = 0] = text.split("/").map(Number)
      const there = yield* everyone.closeById({ worker, id })
      return yield* person.send(there ? `${text} is out` : `there is no ${text}`)
    }
    case "/workers": {
      const workers = yield* machine.workers
      const lines = workers.map(({ connections, pid, state }) => `${pid} ${state} ${connections}`)
      return yield* person.send(lines.join(", "))
    }
    case "/reload":
      return yield* machine.reload
    // So that there is something to see.
    case "/crash":
      return process.kill(process.pid, "SIGKILL")
    case "/hang":
      for (;;);
    default:
      return yield* person.send(
        "there are /join, /pid, /all, /list, /kick, /workers, /reload, /crash and /hang"
      )
  }
})

const say = Effect.fnUntraced(function* (person: Person, line: string) {
  if (line.startsWith("/")) {
    const [name = ""] = line.split(" ")
    const told = command(person, name, line.slice(name.length + 1))
    return yield* Effect.catchTag(told, "NoAnswer", (error) => person.send(error.message))
  }
  const rooms = yield* Rooms
  yield* rooms.send(yield* rooms.groupsOf(person), line, { except: person })
})

const ChatOnly = Server.layer(
  Chat,
  Effect.fnUntraced(function* (person: Person) {
    yield* move(person, "lobby")
    yield* Stream.runForEach(person.messages, (line) => say(person, line))
  }),
  // People like to listen.
  { deadlines: { hello: "off", readIdle: "off" }, goodbye: "this process ends" }
)

const Announce = Layer.effectDiscard(
  Effect.gen(function* () {
    const { address } = yield* Server.Server
    yield* Effect.log(`process ${process.pid} listens on ${Transport.formatAddress(address)}`)
  })
)

export const ChatServer = Layer.provideMerge(Announce, ChatOnly)
