/** Servers on their own standard input and output. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { afterAll, describe, expect, it } from "vitest"
import { Cast, Program } from "../examples/support.ts"
import { builtProgram } from "../support/built.ts"

const file = builtProgram(new URL("programs.ts", import.meta.url))
const args = (name: string) => [file, name]
const cast = new Cast()
afterAll(cast.leave)

const run = (name: string, input: string) =>
  spawnSync(process.execPath, args(name), { input, encoding: "utf8" })

describe("a server on standard input and output", () => {
  it("answers what it reads, and returns when the input ends", () => {
    const { status, stderr, stdout } = run("shout", "one\ntwo\n")
    expect({ status, stdout }).toEqual({ status: 0, stdout: "ONE\nTWO\n" })
    expect(stderr).toContain("stdio stdio")
    expect(stderr).toContain("ended: PeerClosed")
  })

  it("tells a frame that the end cut off, after what came before it", () => {
    const { status, stderr, stdout } = run("shout", "one\ntw")
    expect({ status, stdout }).toEqual({ status: 0, stdout: "ONE\n" })
    expect(stderr).toContain("ended: FrameError")
  })

  it("is done when its handler is, though the input goes on", async () => {
    const program = cast.add(new Program(process.execPath, args("once")))
    program.type("one\ntwo\n")
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.output).toBe("one\n")
  })

  it("is an end that somebody closed, where nobody reads any more", () => {
    const script = `seq 100000 | ${process.execPath} ${args("shout").join(" ")} | head -n 1`
    const { status, stderr, stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" })
    expect({ status, stdout }).toEqual({ status: 0, stdout: "1\n" })
    expect(stderr).toMatch(/ended: (PeerReset|PeerClosed)/)
  })

  it("reads and writes files, too", () => {
    const script = `d=$(mktemp -d) && seq 1000 > $d/in && ${process.execPath} ${args("shout").join(" ")} < $d/in > $d/out && cmp $d/in $d/out && rm -r $d`
    expect(spawnSync("sh", ["-c", script], { encoding: "utf8" }).status).toBe(0)
  })

  it("hears while its output waits to be read, and loses none of it", async () => {
    const child = spawn(process.execPath, args("flood"), { stdio: "pipe" })
    child.stdin.write("you\n")
    const [said] = await once(child.stderr, "data")
    expect(String(said)).toBe("still hears you, and has output\n")
    child.stdin.end()
    let length = 0
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length
    })
    const [code] = await once(child, "close")
    expect({ code, length }).toEqual({ code: 0, length: 200 * 65_537 + "done\n".length })
  })

  it("is there for one server", () => {
    const { stderr } = run("twice", "")
    expect(stderr).toContain("cannot listen on stdio: AddressInUse")
  })

  it("is a layer that stops by a signal, with 0", async () => {
    const program = cast.add(new Program(process.execPath, args("layer")))
    program.type("hello\n")
    await program.says("HELLO")
    program.signal("SIGTERM")
    expect(await program.ended).toEqual({ code: 0, signal: null })
  })
})
