/** Several servers on one port, by ALPN. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import * as Alpn from "../../src/Alpn.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as Tls from "../../src/Tls.ts"
import type { Listener } from "../../src/Transport.ts"
import { connectTcp } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { removeCertificates } from "../transport/certificates.ts"
import { host, problemsOf } from "../transport/nodeSupport.ts"
import { portOf } from "../transport/rigs.ts"
import { identity } from "../transport/tlsSupport.ts"
import { shake } from "./support.ts"

afterAll(removeCertificates)

const Old = Protocol.make("Old", {
  framing: Framing.lines(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const New = Protocol.make("New", {
  framing: Framing.netstring(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const old = (listener: Layer.Layer<Listener, unknown, Alpn.AlpnPort>) =>
  Server.make(
    Old,
    Handler.map((line) => `old ${line}`)
  ).pipe(Effect.provide(listener))

const fresh = (listener: Layer.Layer<Listener, unknown, Alpn.AlpnPort>) =>
  Server.make(
    New,
    Handler.map((line) => `new ${line}`)
  ).pipe(Effect.provide(listener))

/** A port, for whoever listens on it in the scope at hand. */
const port = (options: Partial<Alpn.AlpnPortOptions> = {}) =>
  Effect.map(
    Layer.build(Alpn.layerPort({ host, port: 0, tls: identity(), ...options })),
    (context) =>
      <A, E, R>(effect: Effect.Effect<A, E, R | Alpn.AlpnPort>) =>
        Effect.provideService(effect, Alpn.AlpnPort, Context.get(context, Alpn.AlpnPort)) as Effect.Effect<
          A,
          E,
          Exclude<R, Alpn.AlpnPort> | Scope.Scope
        >
  )

const says = Effect.fnUntraced(function* (
  port: number,
  ALPNProtocols: ReadonlyArray<string> | undefined,
  text: string,
  answer: string
) {
  const { heard, socket } = yield* shake(port, ALPNProtocols && { ALPNProtocols: [...ALPNProtocols] })
  socket.write(text)
  yield* eventually(() => heard() === answer, answer)
  return socket.alpnProtocol
})

const noProtocol = "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"

describe("a port that servers share", () => {
  it.live("gives each client to the server of its protocol", () =>
    Effect.gen(function* () {
      const on = yield* port()
      const first = yield* on(old(Alpn.layer(["old/1", "old/0"])))
      const second = yield* on(fresh(Alpn.layer(["new/1"])))
      const number = portOf(first.address)
      assert.strictEqual(portOf(second.address), number)
      assert.strictEqual(yield* says(number, ["old/0"], "a\n", "old a\n"), "old/0")
      assert.strictEqual(yield* says(number, ["new/1"], "1:b,", "5:new b,"), "new/1")
      // The client's order, where we have none of our own.
      assert.strictEqual(yield* says(number, ["none", "new/1", "old/1"], "1:b,", "5:new b,"), "new/1")
      assert.strictEqual(yield* first.connectionCount, 1)
      assert.strictEqual(yield* second.connectionCount, 2)
    })
  )

  it.live("likes one protocol better than another, where that is said", () =>
    Effect.gen(function* () {
      const on = yield* port({ preference: ["old/1"] })
      const { address } = yield* on(old(Alpn.layer(["old/1"])))
      yield* on(fresh(Alpn.layer(["new/1"])))
      assert.strictEqual(yield* says(portOf(address), ["new/1", "old/1"], "a\n", "old a\n"), "old/1")
    })
  )

  it.live("refuses who speaks none of them, with the alert of ALPN", () =>
    Effect.gen(function* () {
      const on = yield* port()
      const { address } = yield* on(old(Alpn.layer(["old/1"])))
      for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
        const refused = shake(portOf(address), { ALPNProtocols: ["mail/1"], maxVersion })
        assert.strictEqual(yield* Effect.flip(refused), noProtocol)
      }
      // Who names none is closed behind the handshake, which knows no alert for that.
      const unnamed = yield* shake(portOf(address))
      yield* eventually(() => unnamed.socket.destroyed, "the close")
    })
  )

  it.live("gives those who name no protocol to the one that takes them, plain text too", () =>
    Effect.gen(function* () {
      const on = yield* port({ plain: "accept" })
      const { address } = yield* on(old(Alpn.layer(["old/1"], { otherwise: true })))
      yield* on(fresh(Alpn.layer(["new/1"])))
      yield* says(portOf(address), undefined, "a\n", "old a\n")
      const plain = yield* connectTcp(portOf(address))
      plain.socket.write("b\n")
      yield* eventually(() => plain.text() === "old b\n", "the echo")
    })
  )

  it.live("takes no protocol twice", () =>
    Effect.gen(function* () {
      const on = yield* port()
      yield* on(old(Alpn.layer(["old/1"], { otherwise: true })))
      for (const layer of [Alpn.layer(["new/1", "old/1"]), Alpn.layer(["new/1"], { otherwise: true })]) {
        const error = yield* Effect.flip(on(fresh(layer)))
        assert.propertyVal(error, "kind", "AddressInUse")
      }
      yield* on(fresh(Alpn.layer(["new/1"])))
    })
  )

  it.live("is open while one listens, and offers what those speak who do", () =>
    Effect.gen(function* () {
      const on = yield* port()
      const first = yield* on(old(Alpn.layer(["old/1"])))
      const second = yield* on(fresh(Alpn.layer(["new/1"])))
      const number = portOf(first.address)
      const staying = yield* shake(number, { ALPNProtocols: ["old/1"] })
      yield* first.suspend
      assert.strictEqual(yield* Effect.flip(shake(number, { ALPNProtocols: ["old/1"] })), noProtocol)
      staying.socket.write("still\n")
      yield* eventually(() => staying.heard() === "old still\n", "the echo")
      yield* says(number, ["new/1"], "1:b,", "5:new b,")
      yield* first.resume
      yield* says(number, ["old/1"], "a\n", "old a\n")
      yield* second.suspend
      yield* first.suspend
      assert.strictEqual(yield* Effect.flip(shake(number)), "ECONNREFUSED")
      yield* second.resume
      // The port that the system chose is theirs as long as they are suspended.
      yield* says(number, ["new/1"], "1:b,", "5:new b,")
    })
  )

  it.live("shares its TLS with others, and reloads", () =>
    Effect.gen(function* () {
      const tls = yield* Tls.make(identity())
      const on = yield* port({ tls })
      const { address } = yield* on(old(Alpn.layer(["old/1"])))
      yield* tls.reload
      yield* says(portOf(address), ["old/1"], "a\n", "old a\n")
    })
  )

  it.live("has options that are checked", () =>
    Effect.gen(function* () {
      const tls = yield* Tls.make({ ...identity(), alpn: ["h2"] })
      for (const options of [{ tls }, { tls: { ...identity(), alpn: ["h2"] } }]) {
        const [problem] = yield* problemsOf(Alpn.layerPort({ port: 0, ...options }))
        assert.strictEqual(problem?.path, "tls.alpn")
      }
      const on = yield* port()
      const empty = yield* Effect.flip(on(old(Alpn.layer([]))))
      assert.propertyVal(empty, "_tag", "InvalidConfig")
    })
  )
})
