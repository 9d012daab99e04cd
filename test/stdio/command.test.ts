/** Clients that start a program and speak on its standard input and output. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportStdio from "../../src/TransportStdio.ts"
import { builtProgram } from "../support/built.ts"
import { take } from "../support/pair.ts"
import { problemsOf } from "../transport/nodeSupport.ts"
import { Lines } from "./programs.ts"

const file = builtProgram(new URL("programs.ts", import.meta.url))

const connect = (options: TransportStdio.CommandOptions, client: Client.ClientOptions<string> = {}) =>
  Client.connect(Lines, client).pipe(Effect.provide(TransportStdio.layerCommand(options)))

const shell = (script: string, client: Client.ClientOptions<string> = {}) =>
  connect({ command: "sh", args: ["-c", script] }, client)

const ours = (...args: ReadonlyArray<string>): TransportStdio.CommandOptions => ({
  command: process.execPath,
  args: [file, ...args]
})

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const pidOf = (connection: { readonly remoteAddress: import("../../src/Transport.ts").Address }): number =>
  connection.remoteAddress._tag === "Process" ? connection.remoteAddress.pid : 0

describe("a program", () => {
  it.live("speaks the protocol, and has the address of its process", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ command: "cat" })
      yield* connection.sendAll(["one", "two"])
      assert.deepStrictEqual(yield* take(connection, 2), ["one", "two"])
      assert.match(formatAddress(connection.remoteAddress), /^process:cat\[\d+\]$/)
      assert.strictEqual(formatAddress(connection.localAddress), "stdio")
    }).pipe(Effect.scoped)
  )

  it.live("of this library is at the other end", () =>
    Effect.gen(function* () {
      const connection = yield* connect(ours("shout"))
      yield* connection.send("hello")
      assert.deepStrictEqual(yield* take(connection, 1), ["HELLO"])
      yield* connection.end
      assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), [])
      assert.strictEqual((yield* connection.closed)._tag, "PeerClosed")
    }).pipe(Effect.scoped)
  )

  it.live("that works when its input has ended still answers", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ command: "sort" })
      yield* connection.sendAll(["b", "a", "c"])
      yield* connection.end
      assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), ["a", "b", "c"])
    }).pipe(Effect.scoped)
  )

  it.live("carries much both ways, as fast as it is taken", () =>
    Effect.gen(function* () {
      const connection = yield* connect({ command: "cat" })
      const line = "x".repeat(10_000)
      yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 500 }), () => connection.send(line), { discard: true })
      )
      yield* Effect.sleep("20 millis")
      const lines = yield* take(connection, 500)
      assert.isTrue(lines.every((taken) => taken === line))
    }).pipe(Effect.scoped)
  )

  it.live("that exits with 0 has closed, after what it said", () =>
    Effect.gen(function* () {
      const connection = yield* shell("echo last words")
      assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), ["last words"])
      assert.strictEqual((yield* connection.closed)._tag, "PeerClosed")
    }).pipe(Effect.scoped)
  )

  it.live("that fails, or is killed, has broken the connection, after what it said", () =>
    Effect.gen(function* () {
      for (const [script, detail] of [
        ["echo last words; exit 3", "exit code 3"],
        ["echo last words; kill -KILL $$", "signal SIGKILL"]
      ] as const) {
        const connection = yield* shell(script)
        assert.deepStrictEqual(yield* take(connection, 1), ["last words"])
        assert.deepInclude(yield* connection.closed, { _tag: "PeerReset", detail })
      }
    }).pipe(Effect.scoped)
  )

  it.live("that leaves others behind, who hold its output, is over all the same", () =>
    Effect.gen(function* () {
      const connection = yield* shell("sleep 1000 & echo $!; exit 0")
      const [pid] = yield* take(connection, 1)
      assert.strictEqual((yield* connection.closed)._tag, "PeerClosed")
      process.kill(Number(pid))
    }).pipe(Effect.scoped)
  )

  it.live("has its standard error read line by line, and its exit told", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const exit = yield* Deferred.make<TransportStdio.ProcessExit>()
      const connection = yield* connect({
        command: "sh",
        args: [
          "-c",
          `printf 'one\\r\\n\\nthree %s' "$WHO" >&2; head -c 100000 /dev/zero | tr '\\0' y >&2; exit 7`
        ],
        env: { WHO: "we" },
        onStderr: (line) => Effect.sync(() => lines.push(line)),
        onExit: (how) => Deferred.succeed(exit, how)
      })
      yield* connection.closed
      assert.deepStrictEqual(yield* Deferred.await(exit), { code: 7, signal: undefined })
      yield* Effect.repeat(
        Effect.sync(() => lines.length),
        { until: (count) => count === 3 }
      )
      assert.deepStrictEqual(lines.slice(0, 2), ["one", ""])
      assert.isTrue(lines[2]?.startsWith("three weyyy"))
      assert.lengthOf(lines[2]!, 8192)
    }).pipe(Effect.scoped)
  )

  it.live("goes on, whatever becomes of those who are told", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const connection = yield* connect({
        command: "sh",
        args: ["-c", "echo one >&2; echo two >&2; echo three >&2; read line; echo $line"],
        onStderr: (line) => {
          if (line === "one") throw new Error("thrown")
          return line === "two" ? Effect.die("died") : Effect.sync(() => void lines.push(line))
        },
        onExit: () => {
          throw new Error("thrown")
        }
      })
      yield* Effect.repeat(Effect.yieldNow, { until: () => lines.length === 1 })
      yield* connection.send("four")
      assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), ["four"])
      assert.deepStrictEqual(lines, ["three"])
    }).pipe(Effect.scoped)
  )

  it.live("begins where it is told, with the environment that it is given", () =>
    Effect.gen(function* () {
      const connection = yield* connect({
        command: "/bin/sh",
        args: ["-c", 'pwd; echo "$A-$HOME"'],
        cwd: "/",
        env: { A: "1" },
        inheritEnv: false
      })
      assert.deepStrictEqual(yield* Stream.runCollect(connection.messages), ["/", "1-"])
    }).pipe(Effect.scoped)
  )

  it.live("ends with the scope: by the end of its input", () =>
    Effect.gen(function* () {
      const exit = yield* Deferred.make<TransportStdio.ProcessExit>()
      yield* Effect.scoped(
        connect(
          { command: "cat", onExit: (how) => Deferred.succeed(exit, how) },
          { closeTimeout: "1 minute" }
        )
      )
      assert.deepStrictEqual(yield* Deferred.await(exit), { code: 0, signal: undefined })
    })
  )

  it.live("ends with the scope: by SIGTERM, and by SIGKILL", () =>
    Effect.gen(function* () {
      for (const [args, signal] of [
        [["stubborn"], "SIGTERM"],
        [["stubborn", "deaf"], "SIGKILL"]
      ] as const) {
        const exit = yield* Deferred.make<TransportStdio.ProcessExit>()
        const pid = yield* Effect.scoped(
          Effect.gen(function* () {
            const connection = yield* connect(
              { ...ours(...args), killTimeout: "50 millis", onExit: (how) => Deferred.succeed(exit, how) },
              { closeTimeout: "50 millis" }
            )
            yield* take(connection, 1)
            return pidOf(connection)
          })
        )
        assert.deepStrictEqual(yield* Deferred.await(exit), { code: undefined, signal })
        assert.isFalse(isRunning(pid))
      }
    })
  )

  it.live("is killed at once by an abort", () =>
    Effect.gen(function* () {
      const exit = yield* Deferred.make<TransportStdio.ProcessExit>()
      const connection = yield* connect({
        ...ours("stubborn", "deaf"),
        killTimeout: "1 hour",
        onExit: (how) => Deferred.succeed(exit, how)
      })
      yield* take(connection, 1)
      yield* connection.abort
      assert.deepStrictEqual(yield* Deferred.await(exit), { code: undefined, signal: "SIGKILL" })
      assert.strictEqual((yield* connection.closed)._tag, "LocalClosed")
    }).pipe(Effect.scoped)
  )

  it.live("comes back as another process, where the client does", () =>
    Effect.gen(function* () {
      const client = yield* Client.make(Lines, { reconnect: undefined }).pipe(
        Effect.provide(
          TransportStdio.layerCommand({ command: "sh", args: ["-c", "read line; echo $$ $line"] })
        )
      )
      yield* client.send("one")
      const [one] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      yield* client.send("two").pipe(Effect.repeat({ until: () => client.stats.connections > 1 }))
      const [two] = yield* Stream.runCollect(Stream.take(client.messages, 1))
      assert.notStrictEqual(one?.split(" ")[0], two?.split(" ")[0])
    }).pipe(Effect.scoped)
  )

  it.live("may be given up while it is being started, whether there is one or not", () =>
    Effect.gen(function* () {
      for (const command of ["cat", "no-such-program"]) {
        const fiber = yield* Effect.forkChild(Effect.scoped(connect({ command })), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  it.live("that there is not, or that may not be started, is an error of connecting", () =>
    Effect.gen(function* () {
      const kindOf = (options: TransportStdio.CommandOptions) => Effect.flip(connect(options))
      assert.deepInclude(yield* kindOf({ command: "no-such-program" }), {
        _tag: "TransportError",
        kind: "CommandNotFound",
        address: "no-such-program"
      })
      assert.deepInclude(yield* kindOf({ command: "/etc/passwd" }), { kind: "PermissionDenied" })
      const client = yield* Client.make(Lines).pipe(
        Effect.provide(TransportStdio.layerCommand({ command: "no-such-program" }))
      )
      assert.isTrue(yield* Effect.map(client.connection, ({ _tag }) => _tag === "None"))
    }).pipe(Effect.scoped)
  )

  it.effect("has its options checked, all at once", () =>
    Effect.gen(function* () {
      // Wrong on purpose, as a caller without types could be.
      const options = {
        command: "",
        args: [1, "a\0b"],
        killTimeout: "soon",
        onStderr: "inherit",
        shell: true
      }
      const problems = yield* problemsOf(TransportStdio.layerCommand(options as never))
      assert.deepStrictEqual(problems.map(({ path }) => path).toSorted(), [
        "args[0]",
        "args[1]",
        "command",
        "killTimeout",
        "onStderr",
        "shell"
      ])
    })
  )
})
