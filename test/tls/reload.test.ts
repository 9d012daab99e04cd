/** L-P12: certificates change while a server goes on. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Logger, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Tls from "../../src/Tls.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { serve, Text } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { certificates, type Issued, removeCertificates } from "../transport/certificates.ts"
import { host } from "../transport/nodeSupport.ts"
import { temporaryDirectory } from "../transport/rigs.ts"
import { identity, trusting } from "../transport/tlsSupport.ts"
import { fingerprintOf, secure, shake } from "./support.ts"

afterAll(removeCertificates)

const names = "DNS:localhost,IP:127.0.0.1"

/** A certificate in files of its own, which can be exchanged. */
const exchangeable = Effect.map(temporaryDirectory, (directory) => {
  const certificateFile = Path.join(directory, "server.pem")
  const keyFile = Path.join(directory, "server.key")
  const put = (issued: Issued) => {
    // As tools do it: whole, by another name first.
    for (const [from, to] of [
      [issued.keyFile, keyFile],
      [issued.certificateFile, certificateFile]
    ] as const) {
      Fs.copyFileSync(from, `${to}.new`)
      Fs.renameSync(`${to}.new`, to)
    }
  }
  put(certificates().server)
  return { certificateFile, keyFile, put }
})

const made = new Map<string, Issued>()

/** One more certificate for the same name, made when it is asked for first. */
const renewed = (name: string): Issued => {
  const issued = made.get(name) ?? certificates().issue(name, "/CN=localhost", names)
  made.set(name, issued)
  return issued
}

/** The changes from here on. */
const following = Effect.fnUntraced(function* (server: Tls.TlsServer["Service"]) {
  const changes = yield* Queue.unbounded<Tls.TlsChange>()
  yield* Effect.forkScoped(
    Stream.runForEach(server.changes, (change) => Queue.offer(changes, change)),
    { startImmediately: true }
  )
  return Queue.take(changes)
})

describe("reload", () => {
  it.live("new handshakes get the new certificate, and live connections go on", () =>
    Effect.gen(function* () {
      const { put, ...files } = yield* exchangeable
      const server = yield* Tls.make(files)
      const next = yield* following(server)
      const { port } = yield* serve(secure(server))
      const before = yield* shake(port)
      assert.strictEqual(before.shown, fingerprintOf(certificates().server.certificate))
      const issued = renewed("renewed")
      put(issued)
      assert.strictEqual((yield* shake(port)).shown, before.shown)
      yield* server.reload
      const change = yield* next
      assert(change._tag === "Reloaded")
      assert.deepStrictEqual(
        change.certificates.map(({ fingerprint256 }) => fingerprint256),
        [fingerprintOf(issued.certificate)]
      )
      assert.strictEqual((yield* shake(port)).shown, fingerprintOf(issued.certificate))
      before.socket.write("still here\n")
      yield* eventually(() => before.heard().includes("still here\n"), "the echo")
    })
  )

  it.live("a bad one keeps the old one, and is told", () =>
    Effect.gen(function* () {
      const { put, ...files } = yield* exchangeable
      const server = yield* Tls.make(files)
      const next = yield* following(server)
      const { port } = yield* serve(secure(server))
      const old = fingerprintOf(certificates().server.certificate)
      const logged: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => logged.push(String(message)))])
      Fs.writeFileSync(files.certificateFile, renewed("halfway").certificate)
      const mismatch = yield* Effect.flip(Effect.provide(server.reload, logger))
      assert.strictEqual(mismatch.kind, "BadCertificate")
      const change = yield* next
      assert(change._tag === "Failed")
      assert.strictEqual(change.error, mismatch)
      assert.include(logged.join("\n"), "the TLS certificates stay as they are")
      assert.notInclude(logged.join("\n"), "PRIVATE KEY")
      Fs.rmSync(files.keyFile)
      assert.strictEqual((yield* Effect.flip(server.reload)).kind, "UnreadableFile")
      assert.strictEqual((yield* shake(port)).shown, old)
      assert.strictEqual((yield* server.certificates)[0]?.fingerprint256, old)
      put(renewed("whole"))
      yield* server.reload
      assert.strictEqual((yield* shake(port)).shown, fingerprintOf(renewed("whole").certificate))
    })
  )

  it.live("certificates by name change too, and may come from anywhere", () =>
    Effect.gen(function* () {
      const { issue } = certificates()
      const server = yield* Tls.make(identity())
      const { port } = yield* serve(secure(server))
      const chat = issue("chat", "/CN=chat.test", "DNS:chat.test")
      const { certificate, key } = chat
      yield* server.replace({ ...identity(), certificates: [{ certificate, key }] })
      const shownTo = (servername: string) => Effect.map(shake(port, { servername }), ({ shown }) => shown)
      assert.strictEqual(yield* shownTo("chat.test"), fingerprintOf(certificate))
      assert.strictEqual(yield* shownTo("localhost"), fingerprintOf(certificates().server.certificate))
      const bad = yield* Effect.exit(server.replace({ certificate, key: certificates().server.key }))
      assert(Exit.isFailure(bad))
      const none = yield* Effect.flip(server.replace({}))
      assert.strictEqual(none._tag, "InvalidConfig")
      assert.strictEqual(yield* shownTo("chat.test"), fingerprintOf(certificate))
    })
  )

  it.live("several listeners and both ways of TLS share one", () =>
    Effect.gen(function* () {
      const { put, ...files } = yield* exchangeable
      const server = yield* Tls.make(files)
      const ports = [yield* serve(secure(server)), yield* serve(secure(server))].map(({ port }) => port)
      put(renewed("shared"))
      yield* server.reload
      for (const port of ports) {
        assert.strictEqual((yield* shake(port)).shown, fingerprintOf(renewed("shared").certificate))
      }
    })
  )

  it.live("L-P12: under load nobody is dropped", () =>
    Effect.gen(function* () {
      const { put, ...files } = yield* exchangeable
      const server = yield* Tls.make(files)
      const { events, port } = yield* serve(secure(server))
      const connector = TransportNode.layerTlsClient({ host, port, tls: trusting() })
      let stop = false
      let exchanged = 0
      const talk = Effect.gen(function* () {
        const client = yield* Client.connect(Text)
        let said = 0
        while (!stop) {
          yield* client.send(`line ${said++}`)
          yield* Effect.yieldNow
        }
        yield* client.end
        const heard = yield* Stream.runCollect(client.messages)
        // The greeting, and every line in its order.
        assert.deepStrictEqual(
          heard.slice(1),
          Array.from({ length: said }, (_, index) => `line ${index}`)
        )
        exchanged += said
      }).pipe(Effect.scoped, Effect.provide(connector))
      const talkers = yield* Effect.forEach(Array.from({ length: 8 }), () =>
        Effect.forkScoped(talk, { startImmediately: true })
      )
      const issued = ["first", "second", "third"].map((name) => renewed(name))
      const shown = new Set<string>()
      for (let round = 0; round < 30; round++) {
        put(issued[round % issued.length]!)
        yield* server.reload
        // Those who come while certificates change are served as well.
        const comers = yield* Effect.forEach([1, 2, 3, 4], () => shake(port), { concurrency: 4 })
        for (const { shown: fingerprint, socket } of comers) {
          shown.add(fingerprint)
          socket.destroy()
        }
      }
      stop = true
      for (const talker of talkers) yield* Fiber.join(talker)
      assert.isAbove(exchanged, 100)
      assert.deepStrictEqual(shown, new Set(issued.map(({ certificate }) => fingerprintOf(certificate))))
      assert.deepStrictEqual(
        events.filter((event) => event._tag === "AcceptFailed"),
        []
      )
    })
  )
})

describe("watch", () => {
  /** One look at the files: the time, and then the system, which is slow here. */
  const look = Effect.andThen(
    TestClock.adjust("10 seconds"),
    Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
  )

  it.effect("files that change are read again, and what cannot be used is told once", () =>
    Effect.gen(function* () {
      const { put, ...files } = yield* exchangeable
      const server = yield* Tls.make({ ...files, watch: "10 seconds" })
      const changes: Array<Tls.TlsChange> = []
      yield* Effect.forkScoped(
        Stream.runForEach(server.changes, (change) => Effect.sync(() => changes.push(change))),
        { startImmediately: true }
      )
      yield* look
      yield* look
      assert.deepStrictEqual(changes, [])
      Fs.writeFileSync(files.certificateFile, renewed("watched").certificate)
      yield* look
      yield* look
      yield* look
      assert.deepStrictEqual(
        changes.map(({ _tag }) => _tag),
        ["Failed"]
      )
      put(renewed("watched"))
      yield* look
      yield* look
      assert.deepStrictEqual(
        changes.map(({ _tag }) => _tag),
        ["Failed", "Reloaded"]
      )
      const [shown] = yield* server.certificates
      assert.strictEqual(shown?.fingerprint256, fingerprintOf(renewed("watched").certificate))
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("is an option of a listener by itself", () =>
    Effect.gen(function* () {
      const { put, ...files } = yield* exchangeable
      const { port } = yield* serve(secure({ ...files, watch: "10 millis" }))
      const issued = renewed("by itself")
      put(issued)
      yield* Effect.repeat(
        Effect.map(shake(port), ({ shown, socket }) => {
          socket.destroy()
          return shown
        }),
        { until: (shown) => shown === fingerprintOf(issued.certificate) }
      ).pipe(Effect.timeout(Duration.seconds(20)))
    }).pipe(Effect.provide(Layer.empty))
  )
})

describe("signals", () => {
  it.live("are a stream, let go of with it", () =>
    Effect.gen(function* () {
      const before = process.listenerCount("SIGHUP")
      const fiber = yield* Effect.forkChild(Stream.runHead(Tls.signals("SIGHUP")), { startImmediately: true })
      yield* eventually(() => process.listenerCount("SIGHUP") === before + 1, "the listener")
      process.kill(process.pid, "SIGHUP")
      yield* Fiber.join(fiber)
      assert.strictEqual(process.listenerCount("SIGHUP"), before)
    })
  )
})
