/** What comes first on plain text and belongs before it. */
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import { looksLikeClientHello, Preamble } from "../../src/internal/node/preamble.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { connectTcp, serve } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { host } from "./nodeSupport.ts"
import { portOf } from "./rigs.ts"

/** The ClientHello of Node's own TLS. */
const clientHello = Effect.callback<Buffer>((resume) => {
  const server = Net.createServer((socket) => {
    socket.once("data", (bytes) => {
      socket.destroy()
      server.close()
      resume(Effect.succeed(bytes))
    })
  })
  server.listen(0, host, () => {
    // A listening TCP server has an address of this kind.
    const { port } = server.address() as Net.AddressInfo
    NodeTls.connect({ host, port, servername: "localhost" }).on("error", () => {})
  })
})

describe("a ClientHello", () => {
  it.live("is known, however it is cut, and not before its tenth byte", () =>
    Effect.gen(function* () {
      const hello = yield* clientHello
      assert.strictEqual(looksLikeClientHello(hello), "yes")
      for (let length = 0; length < 10; length++) {
        assert.strictEqual(looksLikeClientHello(hello.subarray(0, length)), "perhaps", `${length} bytes`)
      }
      for (let cut = 1; cut < 12; cut++) {
        const preamble = new Preamble(true, false)
        const first = preamble.look(hello.subarray(0, cut))
        const found = first === "more" ? preamble.look(hello.subarray(cut)) : first
        assert.propertyVal(found, "preamble", "TlsClientHello", `cut at ${cut}`)
      }
    })
  )

  it("is not what merely resembles it", () => {
    const bytes = (...values: ReadonlyArray<number>) => looksLikeClientHello(Uint8Array.from(values))
    // A length-prefixed message, an alert, a handshake that is no hello, a length that does not fit, another version.
    assert.strictEqual(bytes(0x16, 0x00, 0x00, 0x01), "no")
    assert.strictEqual(bytes(0x15, 0x03, 0x01, 0x00, 0x02), "no")
    assert.strictEqual(bytes(0x16, 0x03, 0x01, 0x00, 0x40, 0x02), "no")
    assert.strictEqual(bytes(0x16, 0x03, 0x01, 0x00, 0x40, 0x01, 0, 0, 0x01, 0x03), "no")
    assert.strictEqual(bytes(0x16, 0x03, 0x01, 0x00, 0x40, 0x01, 0, 0, 0x3c, 0x7f), "no")
  })
})

describe("on a listener of plain text", () => {
  it.live("TLS is closed quickly, and its reason says so", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(TransportNode.layerTcp({ host, port: 0 }))
      const outcome = yield* Effect.callback<string>((resume) => {
        const socket = NodeTls.connect({ host, port, servername: "localhost" })
        socket.on("error", ({ message }) => resume(Effect.succeed(message)))
      })
      assert.match(outcome, /wrong version number|packet length too long|disconnected|record layer/i)
      yield* eventually(() => events.some((event) => event._tag === "Closed"), "the close")
      const closed = events.find((event) => event._tag === "Closed")
      assert(closed?._tag === "Closed" && closed.reason._tag === "FrameError")
      assert.propertyVal(closed.reason.error, "preamble", "TlsClientHello")
      assert.include(closed.reason.error.message, "this looks like TLS")
    })
  )

  it.live("TLS is data for a server that forwards it", () =>
    Effect.gen(function* () {
      const Raw = Protocol.make("Raw", {
        framing: Framing.none(),
        fromClient: Codec.bytes,
        fromServer: Codec.bytes
      })
      const hello = yield* clientHello
      const heard: Array<Uint8Array> = []
      const server = yield* Server.make(
        Raw,
        Handler.each((bytes) => Effect.sync(() => heard.push(bytes)))
      ).pipe(Effect.provide(TransportNode.layerTcp({ host, port: 0, clientHello: "data" })))
      const peer = yield* connectTcp(portOf(server.address))
      peer.socket.write(hello)
      yield* eventually(() => Buffer.concat(heard).equals(hello), "all of it")
    })
  )
})
