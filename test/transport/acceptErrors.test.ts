/** Errors of a listening server itself, which come without a peer. */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { boundTcpAddress } from "../../src/internal/node/listenHere.ts"
import { listenOn } from "../../src/internal/node/nodeListen.ts"
import type { Acceptor } from "../../src/Transport.ts"
import { eventually } from "../support/pair.ts"

const failure = (code: string) => Object.assign(new Error(`accept ${code}`), { code })

describe("an accept error", () => {
  it.live(
    "L-A15, L-A16, L-A19: is told once each, and the server goes on; after its end it harms nobody",
    () =>
      Effect.gen(function* () {
        const told: Array<string> = []
        const acceptor: Acceptor = {
          onWire: () => {},
          onError: ({ address, detail }) => told.push(`${address._tag} ${detail}`)
        }
        let served = 0
        const server = Net.createServer((socket) => {
          served++
          socket.on("error", () => {})
          socket.destroy()
        })
        const scope = yield* Scope.make()
        const { address } = yield* Scope.provide(
          listenOn({
            server,
            options: { host: "127.0.0.1", port: 0 },
            target: "here",
            acceptor,
            boundAddress: boundTcpAddress,
            // One that comes before all is done does not end the process either.
            publish: Effect.sync(() => server.emit("error", failure("EMFILE"))),
            busy: () => false,
            onClose: () => {}
          }),
          scope
        )
        assert.deepStrictEqual(told, ["Tcp accept EMFILE"])
        const codes = ["EMFILE", "ENFILE", "ENOBUFS", "ECONNABORTED", "EPERM"]
        for (const code of [...codes, ...codes]) server.emit("error", failure(code))
        assert.strictEqual(told.length, 11)
        assert.strictEqual(told[2], "Tcp accept ENFILE")
        const socket = Net.connect({ host: "127.0.0.1", port: address._tag === "Tcp" ? address.port : 0 })
        socket.on("error", () => {})
        yield* eventually(() => served === 1, "the next peer is served")
        yield* Scope.close(scope, Exit.void)
        server.emit("error", failure("EMFILE"))
        assert.strictEqual(told.length, 12)
      })
  )
})
