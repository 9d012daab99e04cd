/** `examples/udp-echo`, driven by `nc -u` and `socat`. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { Cast, example, Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"

const cast = new Cast()
const server = cast.add(example("udp-echo/server.ts"))
let port = ""

beforeAll(async () => {
  port = /udp:\S*:(\d+)/.exec(await server.says("udp-echo listens on udp:"))?.[1] ?? ""
})
afterAll(cast.leave)

/** Says something to a client, waits for the answer, and ends it. */
const talk = async (program: Program, said: string | Uint8Array, answer: string): Promise<void> => {
  cast.add(program)
  program.type(said)
  await program.says(answer)
  program.signal("SIGTERM")
  await program.ended
}

describeWith("nc -u", { commands: { nc: "netcat-openbsd" } }, () => {
  it("has its lines back, over IPv4 and IPv6", async () => {
    await talk(new Program("nc", ["-u", "127.0.0.1", port]), "hello\n", "hello\n")
    await talk(new Program("nc", ["-u", "-6", "::1", port]), "hello six\n", "hello six\n")
  })

  it("has a line back for each that it types, as one peer", async () => {
    const program = cast.add(new Program("nc", ["-u", "-p", "0", "127.0.0.1", port]))
    for (const line of ["one\n", "two\n", "three\n"]) {
      program.type(line)
      await program.says(line)
    }
    expect(program.output).toBe("one\ntwo\nthree\n")
    program.signal("SIGTERM")
    await program.ended
  })

  it("is one of many at once", async () => {
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        talk(new Program("nc", ["-u", "127.0.0.1", port]), `peer ${i}\n`, `peer ${i}\n`)
      )
    )
  })
})

describeWith("socat", { commands: { socat: "socat" } }, () => {
  const socat = (...options: ReadonlyArray<string>) =>
    new Program("socat", [...options, "-", `UDP:127.0.0.1:${port}`])

  it("has bytes back as they are, and the longest datagram", async () => {
    await talk(socat(), "\0\n\x7f no newline", "\0\n\x7f no newline")
    const longest = "x".repeat(1232)
    await talk(socat("-b", "4096"), longest, longest)
  })

  it("has nothing back of a datagram that is too long, which the server tells", async () => {
    const program = cast.add(socat("-b", "4096"))
    program.type("y".repeat(1233))
    await server.says("tooLong")
    program.type("short")
    await program.says("short")
    expect(program.output).toBe("short")
    program.signal("SIGTERM")
    await program.ended
  })

  it("goes on when the server is stopped and comes back", async () => {
    server.signal("SIGTERM")
    expect(await server.ended).toEqual({ code: 0, signal: null })
    const again = cast.add(example("udp-echo/server.ts", [], { PORT: port }))
    await again.says("udp-echo listens on")
    await talk(socat(), "still here", "still here")
  })
})
