/** The file of `examples/redis`: what is in it, and what is left of it after a crash. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { afterAll } from "vitest"
import { connect, provide, start } from "./support.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-sluice-aof-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = (content: string | Uint8Array = ""): string => {
  const path = join(folder, `${files++}.aof`)
  writeFileSync(path, content)
  return path
}

/** What the commands of a file are, a line each. */
const linesOf = (path: string): ReadonlyArray<string> =>
  readFileSync(path, "latin1")
    .split(/\*\d+\r\n/)
    .slice(1)
    .map((command) =>
      command
        .split("\r\n")
        .filter((_, i) => i % 2 === 1)
        .join(" ")
    )

/** Asks a server with that file, which then stops. */
const session = (path: string, ...lines: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* start(path)
      const { ask } = yield* connect
      return yield* ask(...lines)
    })
  )

describe("the append-only file", () => {
  it.effect("has the commands that changed something, with times on the clock", () =>
    Effect.gen(function* () {
      const path = newFile()
      yield* TestClock.setTime(1_000_000)
      const ignored = [
        "GET a",
        "DEL nosuch",
        "SET a 2 NX",
        "INCR text",
        "LPUSH a x",
        "SREM s x",
        "EXPIRE nosuch 1"
      ]
      yield* session(
        path,
        ...["SET a 1", "SET b 1 EX 10", "set c 1 px 5", "SET text x", "EXPIRE a 100", "EXPIRE text 0"],
        ...ignored,
        ...[
          "LPUSH l 1 2",
          "LPOP l",
          "LPOP l",
          "HSET h f v",
          "SADD s x",
          "SADD s x",
          "MSET p 1 q 2",
          "FLUSHALL"
        ]
      )
      assert.deepStrictEqual(linesOf(path), [
        ...["SET a 1", "SET b 1 PXAT 1010000", "SET c 1 PXAT 1000005", "SET text x"],
        ...["PEXPIREAT a 1100000", "DEL text"],
        // There is no text any more.
        "INCR text",
        ...["LPUSH l 1 2", "LPOP l", "LPOP l", "HSET h f v", "SADD s x", "MSET p 1 q 2", "FLUSHALL"]
      ])
    }).pipe(provide)
  )

  it.effect("has those that belong together between MULTI and EXEC, where there are any", () =>
    Effect.gen(function* () {
      const path = newFile()
      yield* session(
        path,
        "MULTI",
        "GET a",
        "EXEC",
        "MULTI",
        "INCR a",
        "GET a",
        "PUBLISH c x",
        "INCR a",
        "EXEC"
      )
      assert.deepStrictEqual(linesOf(path), ["MULTI", "INCR a", "INCR a", "EXEC"])
      assert.strictEqual(yield* session(path, "GET a"), "$1\r\n2\r\n")
    }).pipe(provide)
  )

  it.effect("says when a key went, so that what came later does not come back", () =>
    Effect.gen(function* () {
      const path = newFile()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* start(path)
          const { ask } = yield* connect
          yield* ask("SET a 5 EX 10", "INCR a", "SET b 1 EX 10")
          yield* TestClock.adjust("11 seconds")
          yield* ask("INCR a")
        })
      )
      const lines = linesOf(path)
      assert.includeMembers([...lines], ["DEL a", "DEL b"])
      assert.strictEqual(lines.at(-1), "INCR a")
      assert.strictEqual(yield* session(path, "GET a", "TTL a", "GET b"), "$1\r\n1\r\n:-1\r\n$-1\r\n")
    }).pipe(provide)
  )

  it.effect("makes keys whose time is over by now, and lets them go", () =>
    Effect.gen(function* () {
      const path = newFile()
      yield* session(path, "SET a 5 EX 10", "INCR a")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* session(path, "GET a", "INCR a"), "$-1\r\n:1\r\n")
    }).pipe(provide)
  )

  it.effect("loses what is not whole at its end, wherever it was cut, and nothing else", () =>
    Effect.gen(function* () {
      const path = newFile()
      yield* session(path, "SET a 1", "MULTI", "SET a 2", "SET b 2", "EXEC", "SET c 3")
      const whole = readFileSync(path)
      const starts = [...whole.toString("latin1").matchAll(/\*/g)].map(({ index }) => index)
      const [, multi, , , , last] = starts as unknown as [number, number, number, number, number, number]
      const values = (a: string, b: string, c: string) =>
        `*3\r\n${[a, b, c].map((text) => (text === "" ? "$-1\r\n" : `$1\r\n${text}\r\n`)).join("")}`
      for (let length = 0; length <= whole.length; length++) {
        const cut = newFile(whole.subarray(0, length))
        const left = length === whole.length ? length : length >= last ? last : length >= multi ? multi : 0
        const expected =
          left === 0
            ? values("", "", "")
            : left === multi
              ? values("1", "", "")
              : values("2", "2", left === last ? "" : "3")
        assert.strictEqual(yield* session(cut, "MGET a b c"), expected, `${length} of ${whole.length} bytes`)
        assert.strictEqual(readFileSync(cut).length, left)
      }
    }).pipe(provide)
  )

  it.effect("goes on behind what was cut off", () =>
    Effect.gen(function* () {
      const path = newFile("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*3\r\n$3\r\nSE")
      yield* session(path, "SET b 2")
      assert.deepStrictEqual(linesOf(path), ["SET a 1", "SET b 2"])
    }).pipe(provide)
  )

  it.effect("is refused where something else is in it", () =>
    Effect.gen(function* () {
      const good = "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
      for (const bad of ["*2\r\n$3\r\nGET\r\n:1\r\n", "INCR a\r\n", "\0\0\0\0\n"]) {
        const exit = yield* Effect.exit(Effect.scoped(start(newFile(good + bad))))
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(Exit.isFailure(exit) && exit.cause), "is no file of commands from byte")
      }
    }).pipe(provide)
  )

  it.effect("is a large one, read in pieces", () =>
    Effect.gen(function* () {
      const path = newFile()
      yield* session(path, ...Array.from({ length: 300 }, (_, i) => `RPUSH l ${"x".repeat(1000)}${i}`))
      assert.isAbove(readFileSync(path).length, 300_000)
      assert.strictEqual(yield* session(path, "LRANGE l -1 -1"), `*1\r\n$1003\r\n${"x".repeat(1000)}299\r\n`)
    }).pipe(provide)
  )
})
