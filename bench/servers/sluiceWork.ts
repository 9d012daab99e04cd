/** This library on one process or several; each message costs some work. Arguments: `alone`, or `processes-balance`. */
import { Effect, Layer } from "effect"
import { Codec, Framing, Handler, Multicore, Protocol, Server, TransportNode } from "effect-sluice"
import { announce } from "../lib/serverProcess.ts"
import { worked } from "../lib/work.ts"

const Work = Protocol.make("BenchWork", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

const [argument = "alone"] = process.argv.slice(2)
const [processes, balance] = argument.split("-")

const server = Server.layer(Work, Handler.map(worked)).pipe(
  Layer.provide(TransportNode.layerTcp({ host: "127.0.0.1", port: 0 }))
)

const tell = (port: number | undefined) =>
  port === undefined ? Effect.die("it listens nowhere") : Effect.sync(() => announce(port))

const alone = Layer.effectDiscard(
  Effect.flatMap(Server.Server, ({ address }) => tell("port" in address ? address.port : undefined))
).pipe(Layer.provide(server))

const supervisor = Layer.effectDiscard(
  Effect.gen(function* () {
    const { addresses } = yield* Multicore.Supervisor
    const [address] = yield* addresses
    yield* tell(address !== undefined && "port" in address ? address.port : undefined)
  })
)

const several = Multicore.layer({
  processes: Number(processes),
  // As `variants.ts` has it.
  balance: balance as Multicore.Balance,
  supervisor
})

const program = argument === "alone" ? alone : several(server)

program.pipe(
  Layer.launch,
  Effect.tapCause((cause) => Effect.sync(() => console.error(cause))),
  Effect.runFork
)
