/**
 * Timers: `nc 127.0.0.1 7000`.
 *
 * A tick each second; `remind 5 tea` says so in five seconds, `quiet` stops the ticking; and now and then everybody hears
 * how many they are. `TICK` and `NEWS` are the periods (`1 second`, `10 seconds`).
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Duration, Effect } from "effect"
import {
  Codec,
  type Connection,
  Framing,
  Handler,
  Protocol,
  Server,
  Shutdown,
  Transport,
  TransportNode
} from "effect-sluice"

const Lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 200 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

type Person = Connection.Connection<string, string>

const handle = (period: Duration.Duration) => (person: Person) =>
  Effect.gen(function* () {
    let ticks = 0
    const tick = Effect.suspend(() => person.send(`tick ${++ticks}`))
    const ticking = yield* person.runEvery(period, tick)

    const answer = Handler.each<string, string, unknown>((line) => {
      const [, seconds, text = ""] = /^remind (\d{1,5}) (.+)$/.exec(line) ?? []
      if (seconds !== undefined) return person.runAfter(Duration.seconds(Number(seconds)), person.send(text))
      if (line === "quiet") return ticking.cancel
      return person.send("There are `remind SECONDS TEXT` and `quiet`.")
    })
    yield* answer(person)
  })

const program = Effect.gen(function* () {
  const period = yield* Config.Duration("TICK").pipe(Config.withDefault(Duration.seconds(1)))
  const news = yield* Config.Duration("NEWS").pipe(Config.withDefault(Duration.seconds(10)))

  const server = yield* Server.make(Lines, handle(period), {
    // People may just listen.
    deadlines: { hello: "off", readIdle: "off" }
  })
  const people = yield* server.connections(Lines)
  yield* people.runEvery(news, (person) =>
    Effect.flatMap(people.size, (size) => person.send(`you are ${size}`))
  )

  yield* Effect.log(`timers listens on ${Transport.formatAddress(server.address)}`)
  yield* Shutdown.forceOnSecondSignal(server)
  return yield* Effect.never
})

program.pipe(
  Effect.provide(TransportNode.layerTcpConfig({ port: Config.Int("PORT").pipe(Config.withDefault(7000)) })),
  Effect.scoped,
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
