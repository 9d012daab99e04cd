/** The server of `examples/http` in memory: what its clients hear, and when it has had enough of them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, References } from "effect"
import { TestClock } from "effect/testing"
import { defaults, type Limits } from "../../../examples/http/limits.ts"
import { http } from "../../../examples/http/protocol.ts"
import * as Response from "../../../examples/http/response.ts"
import { respond } from "../../../examples/http/routes.ts"
import { farewell, type Respond, serve } from "../../../examples/http/serve.ts"
import * as Server from "../../../src/Server.ts"
import * as TransportMemory from "../../../src/TransportMemory.ts"
import { eventually } from "../../support/pair.ts"
import { rawClient } from "../../support/raw.ts"
import { accepted, refused } from "./cases.ts"
import { type Heard, latin1, responses } from "./support.ts"

const quietly = Effect.provideService(References.MinimumLogLevel, "None")
const provideMemory = Effect.provide(TransportMemory.layer())

const open = (answer: Respond<never> = respond, limits: Partial<Limits> = {}) =>
  Server.make(http({ ...defaults, ...limits }), serve(answer), { farewell })

/** All responses so far, which have to be well formed. */
const heard = (
  peer: Effect.Success<typeof rawClient>,
  headOnly?: (index: number) => boolean
): ReadonlyArray<Heard> => {
  const found = responses(latin1(peer.latin1()), headOnly)
  if (typeof found === "string") throw new Error(found)
  return found
}

const get = (path: string, ...fields: ReadonlyArray<string>): string =>
  ["GET ", path, " HTTP/1.1\r\nHost: a\r\n", ...fields.map((field) => `${field}\r\n`), "\r\n"].join("")

/** Says what it was asked for. */
const echo: Respond<never> = ({ method, target }) => Response.text(`${method} ${target}`)

/** An answer that comes when the test says so, to `/slow`; at once to all others. */
const slow = Effect.gen(function* () {
  const asked = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  const answer: Respond<never> = (request) =>
    request.target === "/slow"
      ? Effect.andThen(
          Deferred.succeed(asked, undefined),
          Effect.as(Deferred.await(gate), Response.text("at last"))
        )
      : echo(request)
  return { answer, asked: Deferred.await(asked), go: Deferred.succeed(gate, undefined) }
})

describe("conversations", () => {
  it.effect.each(accepted)("answers $name", ({ bytes, messages = [], over }) =>
    Effect.gen(function* () {
      yield* open(echo)
      const peer = yield* rawClient
      peer.write(latin1(bytes))
      const statuses = messages.map((message) => (message === "100" ? 100 : 200))
      yield* eventually(() => heard(peer).length === statuses.length, "all answers")
      assert.deepStrictEqual(
        heard(peer).map(({ status }) => status),
        statuses
      )
      assert.strictEqual(heard(peer).at(-1)?.fields.get("connection") === "close", over === true)
      if (over === true) yield* eventually(() => peer.state.ended, "the server has ended its side")
      else assert.strictEqual(peer.state.ended, false)
    }).pipe(provideMemory)
  )

  it.effect.each(refused)("refuses $name, behind the answer to a good request", ({ bytes, refused }) =>
    Effect.gen(function* () {
      yield* open(echo)
      const peer = yield* rawClient
      peer.write(latin1(get("/first") + bytes))
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.deepStrictEqual(
        heard(peer).map(({ fields, status }) => [status, fields.get("connection")]),
        [
          [200, undefined],
          [refused, "close"]
        ]
      )
    }).pipe(quietly, provideMemory)
  )

  it.effect("answers a pipeline in its order, slow answers too, and refuses what comes behind it", () =>
    Effect.gen(function* () {
      const { answer, asked, go } = yield* slow
      yield* open(answer)
      const peer = yield* rawClient
      peer.write(`${get("/a")}${get("/slow")}${get("/b")}GET /c\r\n`)
      yield* asked
      yield* eventually(() => heard(peer).length === 1, "the first answer")
      yield* go
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.deepStrictEqual(
        heard(peer).map(({ body }) => body),
        ["GET /a", "at last", "GET /b", "400: a malformed request line\n"]
      )
    }).pipe(quietly, provideMemory)
  )

  it.effect("leaves the body out for HEAD, and says its length", () =>
    Effect.gen(function* () {
      yield* open()
      const peer = yield* rawClient
      peer.write(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get("/")}`)
      yield* eventually(() => peer.text().includes("World"), "both answers")
      const [head, whole] = heard(peer, (index) => index === 0)
      assert.strictEqual(head?.fields.get("content-length"), "14")
      assert.deepStrictEqual(head?.fields, whole?.fields)
      assert.strictEqual(whole?.body, "Hello, World!\n")
    }).pipe(provideMemory)
  )

  it.effect("tells HTTP/1.0 whether it goes on", () =>
    Effect.gen(function* () {
      yield* open(echo)
      const peer = yield* rawClient
      peer.write("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.deepStrictEqual(
        heard(peer).map(({ fields }) => fields.get("connection")),
        ["keep-alive", "close"]
      )
    }).pipe(provideMemory)
  )

  it.effect("lets a client send its body when it asks first", () =>
    Effect.gen(function* () {
      yield* open()
      const peer = yield* rawClient
      peer.write("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      yield* eventually(() => peer.text() === "HTTP/1.1 100 Continue\r\n\r\n", "it may")
      peer.write("hello")
      yield* eventually(() => heard(peer).length === 2, "the answer")
      assert.strictEqual(heard(peer)[1]?.body, "hello")
    }).pipe(provideMemory)
  )

  it.effect("tells the time in each answer", () =>
    Effect.gen(function* () {
      yield* open()
      const peer = yield* rawClient
      peer.write(get("/").repeat(3))
      yield* eventually(() => heard(peer).length === 3, "all answers")
      for (const { fields } of heard(peer)) {
        const date = fields.get("date") ?? ""
        assert.strictEqual(new Date(date).toUTCString(), date)
        assert.isAtMost(Math.abs(Date.parse(date) - Date.now()), 60_000)
      }
    }).pipe(provideMemory)
  )
})

describe("what the handler does wrong", () => {
  it.effect.each<readonly [string, Respond<never>]>([
    [
      "throws",
      () => {
        throw new Error("no")
      }
    ],
    ["dies", () => Effect.die("no")],
    ["puts a line end into a field", () => Response.text("x", 200, { Location: "/\r\nSet-Cookie: a=b" })],
    ["has a field name that is none", () => Response.text("x", 200, { "a b": "c" })],
    ["has a field with what has no byte", () => Response.text("x", 200, { a: "\u0100" })]
  ])("%s: 500, and nothing behind it", ([, answer]) =>
    Effect.gen(function* () {
      yield* open((request) => (request.target === "/good" ? echo(request) : answer(request)))
      const peer = yield* rawClient
      peer.write(get("/good") + get("/bad") + get("/good"))
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.deepStrictEqual(
        heard(peer).map(({ fields, status }) => [status, fields.get("connection")]),
        [
          [200, undefined],
          [500, "close"]
        ]
      )
    }).pipe(quietly, provideMemory)
  )
})

describe("limits", () => {
  const body = (length: number) =>
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`
  const chunks = (length: number) =>
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(length)}0\r\n\r\n`
  const line = (length: number) => get(`/${"x".repeat(length - "GET / HTTP/1.1".length)}`)
  const head = (length: number) => get("/", `X: ${"x".repeat(length - get("/", "X: ").length)}`)
  const fields = (count: number) =>
    get("/", ...Array.from({ length: count - 1 }, (_, index) => `X${index}: y`))
  const trailers = (length: number) =>
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${"x".repeat(length - 7)}\r\n\r\n`
  const extension = (length: number) =>
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(length - 2)}\r\ny\r\n0\r\n\r\n`

  it.effect.each([
    { name: "a body", limits: { body: 100 }, make: body, at: 100, status: 413 },
    { name: "a body in chunks", limits: { body: 100 }, make: chunks, at: 100, status: 413 },
    { name: "a request line", limits: { requestLine: 100 }, make: line, at: 100, status: 414 },
    { name: "a head", limits: { head: 200, requestLine: 200 }, make: head, at: 200, status: 431 },
    { name: "fields", limits: { fields: 5 }, make: fields, at: 5, status: 431 },
    { name: "trailers", limits: { head: 200, requestLine: 200 }, make: trailers, at: 200, status: 431 },
    { name: "a chunk extension", limits: { chunkLine: 20 }, make: extension, at: 20, status: 400 }
  ])("$name: exactly the limit is taken, one more is $status", ({ at, limits, make, status }) =>
    Effect.gen(function* () {
      yield* open(echo, limits)
      const good = yield* rawClient
      good.write(make(at))
      for (const byte of make(at)) good.write(byte)
      yield* eventually(() => heard(good).length === 2, "both answers")
      assert.deepStrictEqual(
        heard(good).map((one) => one.status),
        [200, 200]
      )
      const bad = yield* rawClient
      for (const byte of make(at + 1)) bad.write(byte)
      yield* eventually(() => bad.state.ended, "the server has ended its side")
      assert.deepStrictEqual(
        heard(bad).map((one) => one.status),
        [status]
      )
    }).pipe(quietly, provideMemory)
  )

  it.effect("a line without an end is refused when it is too long, however long it goes on", () =>
    Effect.gen(function* () {
      yield* open()
      for (const [begin, status] of [
        ["GET /", 414],
        ["GET / HTTP/1.1\r\nX: ", 431]
      ] as const) {
        const peer = yield* rawClient
        peer.write(begin)
        for (let i = 0; i < 32 && !peer.state.ended; i++) peer.write("x".repeat(1024))
        yield* eventually(() => peer.state.ended, "the server has ended its side")
        assert.strictEqual(heard(peer)[0]?.status, status)
      }
    }).pipe(quietly, provideMemory)
  )
})

describe("time", () => {
  it.effect.each([
    ["a head", "GET / HTTP/1.1\r\n"],
    ["a body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"],
    ["chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"]
  ])("%s that takes too long is 408, after 30 seconds; the first request, after 10", ([, part]) =>
    Effect.gen(function* () {
      yield* open(echo)
      for (const [before, seconds] of [
        ["", 10],
        [get("/"), 30]
      ] as const) {
        const peer = yield* rawClient
        peer.write(before + part)
        yield* TestClock.adjust(`${seconds - 1} seconds`)
        assert.strictEqual(peer.state.ended, false)
        yield* TestClock.adjust("1 seconds")
        yield* eventually(() => peer.state.ended, "the server has ended its side")
        assert.deepStrictEqual(
          heard(peer).map(({ fields, status }) => [status, fields.get("connection")]),
          [...(before === "" ? [] : [[200, undefined]]), [408, "close"]]
        )
      }
    }).pipe(quietly, provideMemory)
  )

  it.effect("the time for a body counts from when the client was told to send it", () =>
    Effect.gen(function* () {
      yield* open(echo)
      const peer = yield* rawClient
      peer.write(`${get("/")}POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n`)
      yield* TestClock.adjust("20 seconds")
      peer.write("Content-Length: 5\r\n\r\n")
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(peer.state.ended, false)
      yield* TestClock.adjust("1 seconds")
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.deepStrictEqual(
        heard(peer).map(({ status }) => status),
        [200, 100, 408]
      )
    }).pipe(quietly, provideMemory)
  )

  it.effect("who says nothing hears nothing: at first, or between requests", () =>
    Effect.gen(function* () {
      yield* open(echo)
      for (const [before, seconds] of [
        ["", 10],
        [get("/"), 60]
      ] as const) {
        const peer = yield* rawClient
        peer.write(before)
        yield* TestClock.adjust(`${seconds - 1} seconds`)
        assert.strictEqual(peer.state.ended, false)
        yield* TestClock.adjust("1 seconds")
        yield* eventually(() => peer.state.ended, "the server has ended its side")
        assert.strictEqual(heard(peer).length, before === "" ? 0 : 1)
      }
    }).pipe(quietly, provideMemory)
  )

  it.effect("no refusal is taken for the answer to a request before it", () =>
    Effect.gen(function* () {
      const { answer } = yield* slow
      yield* open(answer)
      const peer = yield* rawClient
      peer.write(`${get("/slow")}GET`)
      yield* TestClock.adjust("30 seconds")
      yield* eventually(() => peer.state.ended, "the server has ended its side")
      assert.strictEqual(peer.text(), "")
    }).pipe(quietly, provideMemory)
  )
})

describe("a stop", () => {
  it.effect("answers what was read, says with the last answer that it closes, and closes", () =>
    Effect.gen(function* () {
      const { answer, asked, go } = yield* slow
      const server = yield* open(answer)
      const idle = yield* rawClient
      const busy = yield* rawClient
      busy.write(get("/slow") + get("/b") + get("/c"))
      yield* asked
      const stopping = yield* Effect.forkChild(server.stop)
      yield* eventually(() => idle.state.ended, "the idle one is gone")
      assert.strictEqual(idle.text(), "")
      yield* go
      yield* eventually(() => busy.state.ended, "the other one is gone")
      assert.deepStrictEqual(
        heard(busy).map(({ body, fields }) => [body, fields.get("connection")]),
        [
          ["at last", undefined],
          ["GET /b", undefined],
          ["GET /c", "close"]
        ]
      )
      stopping.interruptUnsafe()
    }).pipe(provideMemory)
  )

  it.effect("lets nobody send a body that is not read any more", () =>
    Effect.gen(function* () {
      const { answer, asked, go } = yield* slow
      const server = yield* open(answer)
      const idle = yield* rawClient
      const peer = yield* rawClient
      peer.write(
        `${get("/slow")}POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`
      )
      yield* asked
      const stopping = yield* Effect.forkChild(server.stop)
      yield* eventually(() => idle.state.ended, "the idle one is gone")
      yield* go
      yield* eventually(() => peer.state.ended, "it is gone")
      assert.deepStrictEqual(
        heard(peer).map(({ fields, status }) => [status, fields.get("connection")]),
        [
          [200, undefined],
          [503, "close"]
        ]
      )
      stopping.interruptUnsafe()
    }).pipe(provideMemory)
  )
})
