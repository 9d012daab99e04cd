/** A server of lines on the network in memory, whose handler the tests watch. */
import { Deferred, Effect } from "effect"
import type { CloseReason } from "../../src/CloseReason.ts"
import * as Codec from "../../src/Codec.ts"
import type * as Connection from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import type * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { eventually } from "../support/pair.ts"
import { rawClient } from "../support/raw.ts"

export const Text = Protocol.make("Text", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

export type Peer = Connection.Connection<string, string>

export const provideMemory = Effect.provide(TransportMemory.layer())

/** Serves, and gives clients that speak bytes. */
export const serve = Effect.fnUntraced(function* <E, R>(
  handler: Handler.Handler<string, string, E, R>,
  options?: Server.ServerOptions<string>
) {
  const reasons: Array<CloseReason> = []
  const server = yield* Server.make(
    Text,
    (connection) => {
      const watch = Effect.forkDetach(
        Effect.map(connection.closed, (reason) => {
          reasons.push(reason)
        }),
        { startImmediately: true }
      )
      return Effect.andThen(watch, handler(connection))
    },
    options
  )
  const peers: Array<Effect.Success<typeof rawClient>> = []
  const client = Effect.map(rawClient, (raw) => {
    peers.push(raw)
    return {
      ...raw,
      lines: (): ReadonlyArray<string> => raw.text().split("\n").slice(0, -1),
      says: (...lines: ReadonlyArray<string>) => raw.write(lines.map((line) => `${line}\n`).join(""))
    }
  })
  /** Peers that have seen the end of the server's side end theirs; then the connection has a reason. */
  const closed = eventually(() => {
    for (const peer of peers.splice(0)) {
      if (peer.state.ended) peer.wire.end()
      else peers.push(peer)
    }
    return reasons.length > 0
  }, "the end of the connection")
  return { server, client, reasons, closed }
})

/** Lets fibers and the network do what they can without time passing. */
export const settle = Effect.gen(function* () {
  for (let turn = 0; turn < 20; turn++) {
    yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
  }
})

/** Messages that are handled until the test lets them go, by their text. */
export class Gates {
  /** Those that were begun, in that order. */
  readonly begun: Array<string> = []
  readonly done: Array<string> = []
  readonly interrupted: Array<string> = []
  inHand = 0
  mostInHand = 0
  private readonly gates = new Map<string, Deferred.Deferred<void, string>>()

  private gate(name: string): Deferred.Deferred<void, string> {
    const known = this.gates.get(name)
    if (known !== undefined) return known
    const made = Deferred.makeUnsafe<void, string>()
    this.gates.set(name, made)
    return made
  }

  pass(name: string): Effect.Effect<void, string> {
    return Effect.suspend(() => {
      this.begun.push(name)
      this.mostInHand = Math.max(this.mostInHand, ++this.inHand)
      return Deferred.await(this.gate(name))
    }).pipe(
      Effect.tap(() => Effect.sync(() => this.done.push(name))),
      Effect.onInterrupt(() => Effect.sync(() => this.interrupted.push(name))),
      Effect.ensuring(Effect.sync(() => this.inHand--))
    )
  }

  open(...names: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.andThen(
      Effect.forEach(names, (name) => Deferred.succeed(this.gate(name), undefined), { discard: true }),
      settle
    )
  }

  fail(name: string): Effect.Effect<void> {
    return Effect.andThen(Deferred.fail(this.gate(name), "failed"), settle)
  }
}
