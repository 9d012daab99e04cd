/** The client over a browser's WebSocket: against a real server by the class of `ws`, and against a class that does what it is told. */
import { createContext, runInContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Stream } from "effect"
import { build } from "esbuild"
import { WebSocket } from "ws"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import { resolveUrl } from "../../src/internal/webSocket/browserSettings.ts"
import type { PlatformSocket } from "../../src/internal/webSocket/platform.ts"
import * as Protocol from "../../src/Protocol.ts"
import type { TransportError } from "../../src/SluiceError.ts"
import * as TransportBrowser from "../../src/TransportBrowser.ts"
import { eventually } from "../support/pair.ts"
import { platformClass } from "../transport/rigs.ts"
import { host, Lines, serve } from "./support.ts"

/** A socket in the hands of a test. */
class Puppet implements PlatformSocket {
  static last: Puppet | undefined
  static refuses: Error | undefined
  binaryType = "blob"
  bufferedAmount = 0
  protocol = ""
  readonly sent: Array<string | Uint8Array> = []
  readonly closings: Array<readonly [code: number | undefined, reason: string | undefined]> = []
  private readonly listeners: Record<string, Array<(event: never) => void>> = {}

  constructor(_url: string, _subprotocols: Array<string>) {
    if (Puppet.refuses !== undefined) throw Puppet.refuses
    Puppet.last = this
  }

  readonly send = (data: string | Uint8Array): void => {
    this.sent.push(typeof data === "string" ? data : Uint8Array.from(data))
  }

  readonly close = (code?: number, reason?: string): void => {
    this.closings.push([code, reason])
    queueMicrotask(() => this.tell("close", { code: code ?? 1005, reason: reason ?? "" }))
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.listeners[type] = [...(this.listeners[type] ?? []), listener]
  }

  /** What the browser would tell. */
  tell(type: string, event: object = {}): void {
    // Each listener is for events of its own type.
    for (const listener of this.listeners[type] ?? []) listener(event as never)
  }
}

const Bytes = Protocol.make("Bytes", {
  framing: Framing.lengthPrefixed(),
  fromClient: Codec.bytes,
  fromServer: Codec.bytes
})

const puppetLayer = (options: Partial<TransportBrowser.BrowserOptions> = {}) =>
  TransportBrowser.layer({ url: "ws://puppet.example/", WebSocket: Puppet, ...options })

/** A client whose socket is a puppet. */
const connected = Effect.fnUntraced(function* <In, Out>(
  protocol: Protocol.Protocol<Out, In>,
  options: Partial<TransportBrowser.BrowserOptions> = {},
  clientOptions: Client.ClientOptions<Out> = {}
) {
  Puppet.last = undefined
  const connecting = yield* Effect.forkChild(
    Effect.provide(Client.connect(protocol, clientOptions), puppetLayer(options)),
    { startImmediately: true }
  )
  yield* eventually(() => Puppet.last !== undefined, "a socket is made")
  const puppet = Puppet.last!
  puppet.tell("open")
  const client = yield* Fiber.join(connecting)
  return { client, puppet }
})

describe("in a browser", () => {
  it.live("texts are strings, bytes are buffers", () =>
    Effect.gen(function* () {
      const text = yield* connected(Lines)
      assert.strictEqual(text.puppet.binaryType, "arraybuffer")
      yield* text.client.send("grüße")
      yield* eventually(() => text.puppet.sent.length > 0, "it is sent")
      assert.deepStrictEqual(text.puppet.sent, ["grüße"])
      text.puppet.tell("message", { data: "zurück" })
      text.puppet.tell("message", { data: new TextEncoder().encode("as bytes").buffer })
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(text.client.messages, 2)), [
        "zurück",
        "as bytes"
      ])

      const bytes = yield* connected(Bytes)
      yield* bytes.client.send(Uint8Array.of(0, 255))
      yield* eventually(() => bytes.puppet.sent.length > 0, "it is sent")
      assert.deepStrictEqual(bytes.puppet.sent, [Uint8Array.of(0, 255)])
      const stream = yield* connected(Bytes, { messages: "stream" })
      yield* stream.client.send(Uint8Array.of(7))
      yield* eventually(() => stream.puppet.sent.length > 0, "it is sent")
      assert.deepStrictEqual(stream.puppet.sent, [Uint8Array.of(0, 0, 0, 1, 7)])
    })
  )

  it.live("what is sent waits for room, which it has to look for", () =>
    Effect.gen(function* () {
      const { client, puppet } = yield* connected(Bytes, {}, { outbound: { maxBytes: 1000 } })
      puppet.bufferedAmount = 100_000
      yield* client.send(new Uint8Array(10))
      yield* eventually(() => puppet.sent.length === 1, "the first is given to the browser")
      let through = 0
      yield* Effect.forkChild(
        Effect.forEach([1, 2, 3], () =>
          Effect.tap(client.send(new Uint8Array(999)), () => Effect.sync(() => through++))
        ),
        { startImmediately: true }
      )
      yield* Effect.sleep("50 millis")
      assert.isBelow(through, 3)
      assert.strictEqual(puppet.sent.length, 1)
      puppet.bufferedAmount = 0
      yield* eventually(() => puppet.sent.length === 4, "the others follow")
    })
  )

  it.live("sendAwait returns when the browser has sent", () =>
    Effect.gen(function* () {
      const { client, puppet } = yield* connected(Bytes)
      puppet.bufferedAmount = 10
      const sending = yield* Effect.forkChild(client.sendAwait(new Uint8Array(6)), { startImmediately: true })
      yield* Effect.sleep("30 millis")
      assert.isUndefined(sending.pollUnsafe())
      puppet.bufferedAmount = 0
      yield* Fiber.join(sending)
    })
  )

  it.live("what comes waits while nobody takes it, up to a bound", () =>
    Effect.gen(function* () {
      const { client, puppet } = yield* connected(
        Bytes,
        { maxWaitingBytes: 10_000 },
        { inbound: { maxMessages: 1 } }
      )
      const message = () => puppet.tell("message", { data: new ArrayBuffer(1000) })
      for (let i = 0; i < 10; i++) message()
      yield* Effect.sleep("10 millis")
      for (let i = 0; i < 10; i++) message()
      assert.deepStrictEqual(puppet.closings, [])
      message()
      assert.deepStrictEqual(puppet.closings, [[4008, ""]])
      puppet.tell("close", { code: 4008, reason: "" })
      const exit = yield* Effect.exit(Stream.runCollect(client.messages))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual((yield* client.closed)._tag, "FrameError")
    })
  )

  it.live("codes go as those that a page may say", () =>
    Effect.gen(function* () {
      const orderly = yield* connected(Lines)
      yield* Effect.forkChild(orderly.client.close)
      yield* eventually(() => orderly.puppet.closings.length > 0, "it closes")
      assert.deepStrictEqual(orderly.puppet.closings, [[1000, ""]])
      orderly.puppet.tell("close", { code: 1000, reason: "" })

      const long = yield* connected(Lines, { maxMessageBytes: 10 })
      long.puppet.tell("message", { data: "x".repeat(11) })
      yield* eventually(() => long.puppet.closings.length > 0, "it closes")
      assert.deepStrictEqual(long.puppet.closings[0]?.[0], 4009)
      long.puppet.tell("close", { code: 4009, reason: "" })
      assert.strictEqual((yield* long.client.closed)._tag, "FrameError")

      const wrong = yield* connected(Lines, { messages: "text" })
      wrong.puppet.tell("message", { data: new ArrayBuffer(1) })
      yield* eventually(() => wrong.puppet.closings.length > 0, "it closes")
      assert.deepStrictEqual(wrong.puppet.closings[0]?.[0], 4003)
      wrong.puppet.tell("close", { code: 4003, reason: "" })
    })
  )

  it.live("the server's code is the reason", () =>
    Effect.gen(function* () {
      for (const [code, expected] of [
        [1000, { _tag: "PeerClosed", code: 1000 }],
        [1012, { _tag: "PeerClosed", code: 1012 }],
        [1005, { _tag: "PeerClosed" }],
        [1008, { _tag: "PeerReset", code: 1008, detail: "closed with 1008 (policy violation): no" }],
        [1006, { _tag: "PeerReset", detail: "closed without a close frame" }]
      ] as const) {
        const { client, puppet } = yield* connected(Lines)
        puppet.tell("message", { data: "before" })
        puppet.tell("close", { code, reason: "no" })
        const closed = yield* client.closed
        assert.deepEqual({ ...closed }, expected)
      }
    })
  )

  it.live("a failure to connect is one, whatever little the browser says of it", () =>
    Effect.gen(function* () {
      const attempt = (layer: ReturnType<typeof puppetLayer>) =>
        Effect.flip(Effect.scoped(Effect.provide(Client.connect(Lines), layer)))
      Puppet.refuses = new Error("An insecure WebSocket connection may not be initiated")
      // What a client fails with here is the transport's.
      const refused = (yield* attempt(puppetLayer())) as TransportError
      Puppet.refuses = undefined
      assert.strictEqual(refused.kind, "HandshakeFailed")
      assert.include(refused.detail, "insecure")

      Puppet.last = undefined
      const silent = yield* Effect.forkChild(attempt(puppetLayer({ connectTimeout: "30 millis" })))
      assert.strictEqual(((yield* Fiber.join(silent)) as TransportError).kind, "Timeout")
      assert.strictEqual(Puppet.last!.closings.length, 1)

      const failing = yield* Effect.forkChild(attempt(puppetLayer()), { startImmediately: true })
      Puppet.last!.tell("error")
      Puppet.last!.tell("close", { code: 1006, reason: "" })
      assert.strictEqual(((yield* Fiber.join(failing)) as TransportError).kind, "HandshakeFailed")

      const nobody = yield* attempt(
        TransportBrowser.layer({ url: `ws://${host}:1/`, WebSocket: platformClass })
      )
      assert.strictEqual((nobody as TransportError).kind, "ConnectionRefused")
    })
  )

  it("a path is one of the page's own host", () => {
    const page = "https://chat.example/rooms/lobby?x=1"
    assert.strictEqual(resolveUrl("/chat", page)?.href, "wss://chat.example/chat")
    assert.strictEqual(resolveUrl("chat", page)?.href, "wss://chat.example/rooms/chat")
    assert.strictEqual(resolveUrl("/chat", "http://localhost:7002/")?.href, "ws://localhost:7002/chat")
    assert.strictEqual(resolveUrl("ws://other.example/x", page)?.href, "ws://other.example/x")
    assert.isUndefined(resolveUrl("/chat", undefined))
    assert.isUndefined(resolveUrl("ftp://x/", page))
    assert.isUndefined(resolveUrl("ws://x/#y", page))
  })

  it.effect("options that cannot be are told all at once", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.scoped(
          Layer.build(TransportBrowser.layer({ url: "/x", maxWaitingBytes: 0, subprotocols: ["a b"] }))
        )
      )
      const error = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none()
      assert.deepStrictEqual(
        Option.getOrThrow(error)
          .problems.map(({ path }) => path)
          .toSorted(),
        ["maxWaitingBytes", "subprotocols[0]", "url"]
      )
    })
  )

  it.live("a subprotocol is agreed on", () =>
    Effect.gen(function* () {
      const { port } = yield* serve({ subprotocols: ["v1"] })
      const url = `ws://${host}:${port}/`
      const client = yield* Effect.provide(
        Client.connect(Lines),
        TransportBrowser.layer({ url, subprotocols: ["v2", "v1"], WebSocket: platformClass })
      )
      assert.deepStrictEqual(TransportBrowser.subprotocolOf(client), Option.some("v1"))
      assert.deepStrictEqual(client.remoteAddress, { _tag: "Tcp", host, port })
    })
  )
})

describe("the bundle for a browser", () => {
  const program = `
    import { Effect, Schema, Stream } from "effect"
    import * as Client from "effect-sluice/Client"
    import * as Codec from "effect-sluice/Codec"
    import * as Framing from "effect-sluice/Framing"
    import * as Protocol from "effect-sluice/Protocol"
    import * as TransportBrowser from "effect-sluice/TransportBrowser"
    const Message = Schema.Struct({ text: Schema.String })
    const Shout = Protocol.make("Shout", {
      framing: Framing.lines(), fromClient: Codec.json(Message), fromServer: Codec.json(Message)
    })
    done(Effect.gen(function* () {
      const client = yield* Client.make(Shout)
      yield* client.send({ text: "grüße" })
      return (yield* Stream.runCollect(Stream.take(client.messages, 1)))[0].text
    }).pipe(Effect.scoped, Effect.provide(TransportBrowser.layer({ url: "/chat" })), Effect.runPromise))`

  it.live("has nothing of Node, and works where there is none", () =>
    Effect.gen(function* () {
      const { metafile, outputFiles } = yield* Effect.promise(() =>
        build({
          stdin: { contents: program, resolveDir: process.cwd(), loader: "ts" },
          bundle: true,
          write: false,
          metafile: true,
          platform: "browser",
          format: "iife",
          tsconfig: "tsconfig.json"
        })
      )
      assert.deepStrictEqual(
        Object.keys(metafile.inputs).filter((path) => /^node:|\(disabled\)|node_modules\/ws\//.test(path)),
        []
      )
      assert.deepStrictEqual(
        Object.values(metafile.outputs).flatMap(({ imports }) => imports),
        []
      )
      const { port } = yield* serve({ path: "/chat" })
      const said = yield* Effect.callback<string, unknown>((resume) => {
        const {
          AbortController,
          clearTimeout,
          performance,
          queueMicrotask,
          setTimeout,
          TextDecoder,
          TextEncoder,
          URL
        } = globalThis
        const page = createContext({
          ...{
            AbortController,
            clearTimeout,
            performance,
            queueMicrotask,
            setTimeout,
            TextDecoder,
            TextEncoder,
            URL
          },
          WebSocket,
          location: { href: `http://${host}:${port}/` },
          done: (result: Promise<string>) =>
            result.then(
              (text) => resume(Effect.succeed(text)),
              (error) => resume(Effect.fail(error))
            )
        })
        runInContext(outputFiles[0]!.text, page)
      })
      assert.strictEqual(said, "grüße")
    })
  )
})
