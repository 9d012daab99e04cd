import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TransportNode from "../../src/TransportNode.ts"
import { failureOf } from "./nodeSupport.ts"
import { Reception } from "./recorder.ts"
import { connectThrough, listenerOf, temporaryDirectory } from "./rigs.ts"

const listenUnix = (options: TransportNode.UnixOptions, reception = new Reception()) =>
  Effect.flatMap(listenerOf(TransportNode.layerUnix(options)), (listener) => listener.listen(reception))

describe("unix", () => {
  const socketPath = Effect.map(temporaryDirectory, (directory) => Path.join(directory, "server.sock"))

  it.live("removes its file at the end, and leaves nothing else behind", () =>
    Effect.gen(function* () {
      const path = yield* socketPath
      const listening = yield* listenUnix({ path })
      assert.deepStrictEqual(listening.address, { _tag: "Unix", path })
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), ["server.sock"])
      yield* listening.close
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), [])
    })
  )

  it.live("keeps a file that is not a socket", () =>
    Effect.gen(function* () {
      const path = yield* socketPath
      Fs.writeFileSync(path, "precious")
      const error = yield* failureOf(listenUnix({ path }))
      assert.strictEqual(error.kind, "AddressInUse")
      assert.strictEqual(error.address, `unix:${path}`)
      assert.include(error.detail, "not a socket")
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "precious")
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), ["server.sock"])
      const connecting = yield* failureOf(connectThrough(TransportNode.layerUnixClient({ path })))
      assert.strictEqual(connecting.kind, "ConnectionRefused")
    })
  )

  it.live("keeps a socket that somebody answers on", () =>
    Effect.gen(function* () {
      const path = yield* socketPath
      const reception = new Reception()
      yield* listenUnix({ path }, reception)
      const error = yield* failureOf(listenUnix({ path }))
      assert.strictEqual(error.kind, "AddressInUse")
      const probe = yield* reception.take
      probe.destroy()
      yield* connectThrough(TransportNode.layerUnixClient({ path }))
      const server = yield* reception.take
      server.destroy()
    })
  )

  it.live("replaces a socket that nobody answers on", () =>
    Effect.gen(function* () {
      const path = yield* socketPath
      // A server that died: its socket stays because the file was moved away from under it.
      const dead = Net.createServer()
      yield* Effect.callback<void>((resume) => {
        dead.listen(`${path}.dead`, () => resume(Effect.void))
      })
      Fs.renameSync(`${path}.dead`, path)
      yield* Effect.callback<void>((resume) => {
        dead.close(() => resume(Effect.void))
      })
      const refused = yield* failureOf(connectThrough(TransportNode.layerUnixClient({ path })))
      assert.strictEqual(refused.kind, "ConnectionRefused")
      const reception = new Reception()
      yield* listenUnix({ path }, reception)
      yield* connectThrough(TransportNode.layerUnixClient({ path }))
      const server = yield* reception.take
      server.destroy()
    })
  )

  it.live("does not remove a file that took the place of its own", () =>
    Effect.gen(function* () {
      const path = yield* socketPath
      const listening = yield* listenUnix({ path })
      Fs.unlinkSync(path)
      Fs.writeFileSync(path, "another's")
      yield* listening.close
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "another's")
    })
  )

  it.live("sets the permissions it is asked for", () =>
    Effect.gen(function* () {
      const path = yield* socketPath
      yield* listenUnix({ path, mode: 0o600 })
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
    })
  )

  it.live("takes the longest path there is", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const length = process.platform === "linux" ? 107 : 103
      const path = Path.join(directory, "x".repeat(length - directory.length - 1))
      const reception = new Reception()
      yield* listenUnix({ path }, reception)
      yield* connectThrough(TransportNode.layerUnixClient({ path }))
      const server = yield* reception.take
      server.destroy()
    })
  )

  it.live("says that the directory is not there", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* temporaryDirectory, "missing", "server.sock")
      const error = yield* failureOf(listenUnix({ path }))
      assert.strictEqual(error.kind, "AddressNotAvailable")
      assert.include(error.detail, "ENOENT")
      const connecting = yield* failureOf(connectThrough(TransportNode.layerUnixClient({ path })))
      assert.strictEqual(connecting.kind, "ConnectionRefused")
    })
  )
})
