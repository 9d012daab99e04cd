/** Peers that are no connections yet. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Arrivals } from "../../src/internal/node/arrivals.ts"
import { eventually } from "../support/pair.ts"
import { host } from "./nodeSupport.ts"
import { Reception } from "./recorder.ts"

/** A server whose sockets are arrivals, at most so many. */
const arrivalsOn = (maximum: number) =>
  Effect.acquireRelease(
    Effect.callback<{ arrivals: Arrivals; acceptor: Reception; server: Net.Server; port: number }>(
      (resume) => {
        const acceptor = new Reception()
        const arrivals = new Arrivals(acceptor, maximum)
        const server = Net.createServer({ pauseOnConnect: true }, (socket) => {
          // Whoever waits for something reads, and so sees that nothing comes any more.
          arrivals.begin(socket)?.socket.resume()
        })
        server.listen(0, host, () => {
          // A listening TCP server has an address of this kind.
          const { port } = server.address() as Net.AddressInfo
          resume(Effect.succeed({ arrivals, acceptor, server, port }))
        })
      }
    ),
    ({ arrivals, server }) =>
      Effect.sync(() => {
        arrivals.abandon()
        server.close()
      })
  )

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = Net.connect(port, host)
      socket.on("error", () => {})
      socket.resume()
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("arrivals", () => {
  it.live("are bounded: one too many is turned away, and told", () =>
    Effect.gen(function* () {
      const { acceptor, arrivals, port } = yield* arrivalsOn(2)
      const first = yield* connect(port)
      yield* connect(port)
      yield* eventually(() => arrivals.size === 2, "two arrivals")
      const third = yield* connect(port)
      yield* eventually(() => third.destroyed && acceptor.errors.length === 1, "the refusal")
      assert.propertyVal(acceptor.errors[0], "kind", "TooMany")
      assert.strictEqual(arrivals.size, 2)
      // Who leaves makes room.
      first.destroy()
      yield* eventually(() => arrivals.size === 1, "the leaving")
      yield* connect(port)
      yield* eventually(() => arrivals.size === 2, "another arrival")
    })
  )

  it.live("are gone without a word when nobody listens any more", () =>
    Effect.gen(function* () {
      const { acceptor, arrivals, port } = yield* arrivalsOn(10)
      const peers = [yield* connect(port), yield* connect(port)]
      yield* eventually(() => arrivals.size === 2, "two arrivals")
      arrivals.abandon()
      yield* eventually(() => peers.every((peer) => peer.destroyed), "the close")
      assert.strictEqual(arrivals.size, 0)
      assert.deepStrictEqual(acceptor.errors, [])
    })
  )
})
