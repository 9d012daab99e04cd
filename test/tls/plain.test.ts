/** TLS and plain text on one port. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connectTcp, connectTls, serve } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { certificates, removeCertificates } from "../transport/certificates.ts"
import { host } from "../transport/nodeSupport.ts"
import { identity } from "../transport/tlsSupport.ts"
import { secure, shake } from "./support.ts"

afterAll(removeCertificates)

describe("one port for both", () => {
  it.live("tells by the first byte, and the connection says which it was", () =>
    Effect.gen(function* () {
      const { events, port, seen } = yield* serve(secure(identity(), { plain: "accept" }))
      const encrypted = yield* shake(port)
      encrypted.socket.write("a\n")
      const plain = yield* connectTcp(port)
      plain.socket.write("b")
      plain.socket.write("\nc\n")
      yield* eventually(() => encrypted.heard().endsWith("\na\n"), "the echo under TLS")
      yield* eventually(() => plain.text().endsWith("\nb\nc\n"), "the echo in plain text")
      assert.deepStrictEqual(
        seen.map(({ tls }) => tls?.protocol),
        ["TLSv1.3", undefined]
      )
      assert.deepStrictEqual(
        seen.map(({ remoteAddress }) => remoteAddress),
        [encrypted.socket.localPort, plain.socket.localPort].map((port = 0) => ({
          _tag: "Tcp" as const,
          host,
          port
        }))
      )
      // The end of one side leaves the other.
      plain.socket.end("d\n")
      yield* eventually(() => plain.text().endsWith("\nd\n") && plain.state.closed, "the end")
      assert.deepStrictEqual(
        events.filter((event) => event._tag === "AcceptFailed"),
        []
      )
    })
  )

  it.live("has a deadline for the first byte", () =>
    Effect.gen(function* () {
      const { events, port, seen } = yield* serve(secure(identity(), { plain: { timeout: "50 millis" } }))
      const silent = yield* connectTcp(port)
      yield* Effect.promise(() => new Promise((resolve) => silent.socket.once("close", resolve)))
      yield* eventually(() => events.some((event) => event._tag === "AcceptFailed"), "the event")
      const told = events.find((event) => event._tag === "AcceptFailed")
      assert(told?._tag === "AcceptFailed")
      assert.strictEqual(told.kind, "Timeout")
      assert.strictEqual(told.detail, "no first byte within 50 ms")
      assert.deepStrictEqual(seen, [])
    })
  )

  it.live("greets the silent in plain text, where that is asked for", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* serve(
        secure(identity(), { plain: { timeout: "50 millis", silent: "plain" } })
      )
      const silent = yield* connectTcp(port)
      yield* Effect.promise(() => new Promise((resolve) => silent.socket.once("data", resolve)))
      assert.include(silent.text(), `you are ${host}`)
      silent.socket.write("hello\n")
      yield* eventually(() => silent.text().endsWith("hello\n"), "the echo")
      assert.strictEqual(seen[0]?.tls, undefined)
      const encrypted = yield* shake(port)
      encrypted.socket.write("a\n")
      yield* eventually(() => encrypted.heard().endsWith("\na\n"), "the echo under TLS")
    })
  )

  it.live("tells of those who end or break before their first byte", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(secure(identity(), { plain: "accept" }))
      const ended = yield* connectTcp(port)
      ended.socket.end()
      yield* eventually(() => ended.state.closed, "the close")
      yield* eventually(() => events.some((event) => event._tag === "AcceptFailed"), "the event")
    })
  )

  it.live("stands behind a proxy's header, for both", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* serve(
        secure(identity(), { plain: "accept", proxyProtocol: { from: "anyone" } })
      )
      const header = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
      const plain = yield* connectTcp(port)
      // All of it in one piece.
      plain.socket.write(`${header}hello\n`)
      yield* eventually(() => plain.text() === "you are 192.0.2.1:1\nhello\n", "the echo")
      const encrypted = yield* connectTls(port, Buffer.from(header))
      yield* eventually(() => encrypted.text() === "you are 192.0.2.1:1\n", "the greeting")
      assert.deepStrictEqual(
        seen.map(({ tls }) => tls === undefined),
        [true, false]
      )
    })
  )
})

describe("a listener on TLS alone", () => {
  it.live("says of plain text what it looks like, quickly", () =>
    Effect.gen(function* () {
      const { events, port } = yield* serve(secure(identity()))
      const lines = [
        "GET / HTTP/1.1\r\n\r\n",
        "hello\n",
        "EHLO there\r\n",
        "\0\0\0\x05hello",
        "x".repeat(20_000)
      ]
      for (const [index, line] of lines.entries()) {
        const plain = yield* connectTcp(port)
        plain.socket.write(line)
        yield* eventually(() => plain.state.closed, `the close after ${line.slice(0, 10)}`)
        const failures = () => events.filter((event) => event._tag === "AcceptFailed")
        yield* eventually(() => failures().length > index, "the event")
        assert.strictEqual(failures()[index]?.kind, "PlainText", line.slice(0, 10))
        assert.include(failures()[index]?.detail, "this looks like plain text")
      }
      assert.isNotEmpty(certificates().directory)
    })
  )
})
