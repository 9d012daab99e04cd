/** `examples/json`, driven by jq through nc. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, type Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"

const cast = new Cast()
afterAll(cast.leave)

/** Runs a pipe of the shell with `connect` for nc to the server; all that comes out of it, and what went wrong. */
const pipe = async (port: number, command: string) => {
  const { stderr, stdout } = await promisify(execFile)(
    "sh",
    ["-c", `connect() { nc -N 127.0.0.1 ${port}; }; ${command}`],
    { timeout: 30_000, maxBuffer: 64 * 1024 * 1024 }
  )
  expect(stderr).toBe("")
  return stdout
}

const serverOf = (format: string) => {
  const server: { program: Program; port: number } = {
    program: cast.add(example("json/server.ts", [], { FORMAT: format })),
    port: 0
  }
  beforeAll(async () => {
    server.port = await server.program.port(`json \\(${format}\\)`)
  })
  return server
}

describeWith("jq", { commands: { jq: "jq", nc: "netcat-openbsd" } }, () => {
  describe("json", () => {
    const server = serverOf("json")

    it("sends objects one behind the other, and reads the answers", async () => {
      const objects = `jq -nj 'range(1000) | {n: ., text: "}{\\"\\\\é"}'`
      expect(await pipe(server.port, `${objects} | connect | jq -c '.value.n - .number' | uniq -c`)).toMatch(
        /^ *1000 -1\n$/
      )
    })

    it("sends a text over many lines, and one that is not JSON ends that connection alone", async () => {
      expect(await pipe(server.port, `jq -n '{a: [1, {b: 2}]}, []' | connect | jq -c .value`)).toBe(
        '{"a":[1,{"b":2}]}\n[]\n'
      )
      expect(await pipe(server.port, `printf '{"a":1}nonsense{}' | connect | jq -c .value`)).toBe('{"a":1}\n')
      await server.program.says("should stand where n does")
      expect(await pipe(server.port, `printf '{}' | connect | jq -c .value`)).toBe("{}\n")
    })
  })

  describe("ndjson", () => {
    const server = serverOf("ndjson")

    it("sends and reads a text a line, with CRLF and empty lines too", async () => {
      const texts = `jq -nc '1, "two", null, {a: "}"}, [[]]'`
      const expected = '1\n"two"\nnull\n{"a":"}"}\n[[]]\n'
      expect(await pipe(server.port, `${texts} | connect | jq -c .value`)).toBe(expected)
      expect(await pipe(server.port, `${texts} | sed 's/$/\\r/;G' | connect | jq -c .value`)).toBe(expected)
    })
  })

  describe("seq", () => {
    const server = serverOf("seq")

    it("sends and reads JSON text sequences, spread over lines or not", async () => {
      for (const compact of ["", "-c"]) {
        const texts = `jq ${compact} --seq -n '1, "two", null, {a: [1, {b: "\\n"}]}, [[]]'`
        expect(await pipe(server.port, `${texts} | connect | jq --seq -c .value`)).toBe(
          '\x1e1\n\x1e"two"\n\x1enull\n\x1e{"a":[1,{"b":"\\n"}]}\n\x1e[[]]\n'
        )
      }
    })
  })
})
