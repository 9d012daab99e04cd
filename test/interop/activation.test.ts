/** Socket activation by systemd's own tool, and by a parent that keeps the socket over restarts. */
import { afterAll, expect, it } from "vitest"
import { command } from "../activation/support.ts"
import { Cast, freePort, nc, Peer, Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"

const cast = new Cast()
afterAll(cast.leave)

describeWith(
  "systemd-socket-activate",
  { commands: { "systemd-socket-activate": "systemd", nc: "netcat-openbsd" } },
  () => {
    it("starts the server for its first peer, which is served", async () => {
      const port = await freePort()
      const program = cast.add(
        new Program("systemd-socket-activate", [
          "-l",
          `127.0.0.1:${port}`,
          "--fdname=web",
          ...command({ name: "web" })
        ])
      )
      await program.says("Listening on")
      const person = cast.add(nc(port))
      person.type("hello\n")
      await person.says(" hello\n")
      await program.says(`listens on 127.0.0.1:${port}`)
      person.endInput()
      await person.ended
      program.signal("SIGTERM")
      expect(await program.ended).toEqual({ code: 0, signal: null })
    })
  }
)

/** Keeps a socket, and starts a server on it whenever a line says so. */
const keeper = `
import os, socket, subprocess, sys
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(16)
print("keeps", listening.getsockname()[1], flush=True)
script = 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@" 3<&%d' % listening.fileno()
for line in sys.stdin:
    child = subprocess.Popen(["sh", "-c", script, "sh", *sys.argv[1:]], stdin=subprocess.PIPE, pass_fds=[listening.fileno()])
    print("server", child.pid, flush=True)
    child.wait()
    print("ended", child.returncode, flush=True)
`

describeWith("a parent that keeps the socket", { commands: { python3: "python3" } }, () => {
  it("restarts the server without a peer being refused", async () => {
    const program = cast.add(new Program("python3", ["-c", keeper, ...command()]))
    const port = Number(/keeps (\d+)/.exec(await program.says("keeps"))?.[1])
    program.type("start\n")
    const [, first] = /server (\d+)/.exec(await program.says("listens on")) ?? []
    const old = new Peer(port)
    old.write("one\n")
    await old.hears(`${first} `)
    process.kill(Number(first), "SIGTERM")
    await program.says("ended 0")
    expect(await old.closed).toEqual({ error: undefined, sawEnd: true })
    // Nobody runs; the kernel keeps them.
    const young = new Peer(port)
    young.write("two\n")
    program.type("start\n")
    const [second] = [...(await program.says("listens on", 2)).matchAll(/server (\d+)/g)].slice(-1)
    await young.hears(`${second?.[1]} `)
    expect(second?.[1]).not.toBe(first)
    process.kill(Number(second?.[1]), "SIGTERM")
    await program.says("ended 0", 2)
    program.endInput()
    await program.ended
  })
})
