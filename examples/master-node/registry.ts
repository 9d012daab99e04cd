/** The master's side: which nodes there are, and what became of the others. */
import { type Duration, Effect, Stream } from "effect"
import { type CloseReason, type Connection, Handler, Server } from "effect-sluice"
import { Cluster, type FromMaster, type FromNode } from "./protocol.ts"

type Node = Connection.Connection<FromNode, FromMaster>

/** So many pings in a row without an answer, and the node is lost. */
const misses = 3

export interface MasterOptions {
  readonly pingEvery: Duration.Input
  readonly say: (line: string) => Effect.Effect<void>
}

/** A master that listens on the transport at hand. */
export const makeMaster = ({ pingEvery, say }: MasterOptions) => {
  const nodes = new Map<string, Node>()

  const register = Effect.fnUntraced(function* (name: string, node: Node) {
    const before = nodes.get(name)
    nodes.set(name, node)
    // It is here again before we missed it: what it had before leads nowhere.
    if (before !== undefined) yield* before.abort
    yield* say(`${name} registered`)
    yield* node.send({ _tag: "Registered" })
  })

  const leave = (name: string, node: Node, reason: CloseReason.CloseReason) =>
    Effect.suspend(() => {
      if (nodes.get(name) !== node) return Effect.void
      nodes.delete(name)
      if (reason._tag === "ServerStopped") return Effect.void
      return say(
        reason._tag === "HeartbeatTimeout" ? `lost ${name} after ${misses} missed pings` : `${name} is gone`
      )
    })

  const serve = (name: string): Handler.Handler<FromNode, FromMaster, unknown> =>
    Handler.onClose<FromNode, FromMaster>((reason, node) => leave(name, node, reason))((node) =>
      Effect.andThen(register(name, node), Stream.runDrain(node.messages))
    )

  // Who does not begin with its name is no node.
  const handler = Handler.authenticate(
    (next: Effect.Effect<FromNode, unknown>) =>
      Effect.flatMap(next, (message) =>
        message._tag === "Register" ? Effect.succeed(message.name) : Effect.fail("register first")
      ),
    serve
  )

  return Server.make(Cluster, handler, {
    heartbeat: { interval: pingEvery, misses, jitter: 0 },
    // A node that is lost does not say goodbye.
    closeTimeout: "100 millis"
  })
}
