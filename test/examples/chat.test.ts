/** `examples/chat`, as `npm start` runs it: people with `nc`, and the typed client. */
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { builtExample, Cast, example, host, nc, needsNc, Peer, type Program } from "./support.ts"

const cast = new Cast()
const server = cast.add(example("chat/server.ts"))
let port = 0
let jsonPort = 0

beforeAll(async () => {
  port = await server.port("chat for people")
  jsonPort = await server.port("chat for programs")
})
afterAll(cast.leave)

/** A person who is asked for a nickname. */
const arrive = async (): Promise<Program> => {
  const person = cast.add(nc(port))
  await person.says("Your nickname?\n")
  return person
}

/** A person in the room. */
const enter = async (name: string): Promise<Program> => {
  const person = await arrive()
  person.type(`${name}\n`)
  await person.says(`Welcome, ${name}.`)
  return person
}

const leave = async (person: Program): Promise<void> => {
  person.endInput()
  expect((await person.ended).code).toBe(0)
}

const joinAsProgram = async (name: string): Promise<Program> => {
  const program = cast.add(builtExample("chat/client.ts", [name, String(jsonPort)]))
  await program.says(`Welcome, ${name}.\n`)
  return program
}

describe("examples/chat", () => {
  it("is what npm start runs", () => {
    const manifest: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
      readFileSync(new URL("../../package.json", import.meta.url), "utf8")
    )
    expect(manifest.scripts.start).toBe("tsx examples/chat/server.ts")
  })

  it("asks for a nickname first; then people read each other, who comes and who goes", async (context) => {
    needsNc(context)
    const ada = await enter("ada")
    const bob = await enter("bob")
    await ada.says("* bob joined\n")
    bob.type("hello\n")
    await ada.says("bob: hello\n")
    ada.type("hello yourself\n")
    await bob.says("ada: hello yourself\n")
    bob.type("/who\n")
    await bob.says("In the room: ada, bob\n")
    bob.type("/quit\n")
    await bob.says("Bye.\n")
    await ada.says("* bob left\n")
    // nc stays until its own input ends too.
    await leave(bob)
    ada.type("/who\n")
    await ada.says("In the room: ada\n")
    await leave(ada)
    expect(ada.output).toBe(
      [
        "Your nickname?",
        "Welcome, ada. /who lists the room, /help the commands.",
        "* bob joined",
        "bob: hello",
        "* bob left",
        "In the room: ada",
        "Bye.",
        ""
      ].join("\n")
    )
    expect(bob.output).toBe(
      [
        "Your nickname?",
        "Welcome, bob. /who lists the room, /help the commands.",
        "ada: hello yourself",
        "In the room: ada, bob",
        "Bye.",
        ""
      ].join("\n")
    )
  })

  it("has a page for the same rooms, and takes plain WebSockets beside it", async (context) => {
    needsNc(context)
    const label = "chat in a browser: http://localhost:"
    const pagePort = Number((await server.says(label)).split(label)[1]?.split("/")[0])
    const page = await fetch(`http://${host}:${pagePort}/`)
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'")
    expect(await page.text()).toContain("<title>Chat</title>")
    const program = await (await fetch(`http://${host}:${pagePort}/main.js`)).text()
    expect(/\b(?:from|import|require)\b[ (]*["']node:/.test(program)).toBe(false)
    expect(program.length).toBeLessThan(1_000_000)
    expect((await fetch(`http://${host}:${pagePort}/main.ts`)).status).toBe(404)

    const ada = await enter("ada")
    const socket = new WebSocket(`ws://${host}:${pagePort}/chat`)
    const heard: Array<unknown> = []
    socket.on("message", (data, binary) => heard.push(binary ? data : JSON.parse(String(data))))
    await new Promise((resolve) => socket.once("open", resolve))
    socket.send(JSON.stringify({ _tag: "Join", name: "plain" }))
    await ada.says("* plain joined\n")
    ada.type("hello, page\n")
    socket.send(JSON.stringify({ _tag: "Say", text: "hello,\nterminal" }, null, 2))
    await ada.says("plain: hello, terminal\n")
    await expect
      .poll(() => heard)
      .toEqual([
        { _tag: "Welcome", name: "plain" },
        { _tag: "Said", name: "ada", text: "hello, page" }
      ])
    socket.close()
    await ada.says("* plain left\n")
    await leave(ada)
  })

  it("gives a name to one person at a time, and takes none of a bad form", async (context) => {
    needsNc(context)
    const ada = await enter("ada")
    const other = await arrive()
    other.type("ada\n")
    await other.says("ada is taken. Your nickname?\n")
    for (const bad of ["", "two words", "x".repeat(21), "../etc", "<b>"]) {
      other.type(`${bad}\n`)
    }
    other.type("/who\n")
    other.type("Zoë-7\n")
    await other.says("Welcome, Zoë-7.")
    expect(
      other.output.split("A nickname has 1 to 20 letters, digits, _ or -. Your nickname?\n")
    ).toHaveLength(7)
    await ada.says("* Zoë-7 joined\n")
    await leave(ada)
    await other.says("* ada left\n")
    // The name is free again.
    const again = await enter("ada")
    await leave(again)
    await leave(other)
  })

  it("S-6: says what is wrong with a line, and goes on with the next", async (context) => {
    needsNc(context)
    const ada = await enter("ada")
    const bob = await enter("bob")
    await ada.says("* bob joined\n")
    bob.type(Buffer.from("\xff\xfe\n", "latin1"))
    await bob.says("That was not UTF-8.\n")
    bob.type("\n\0\n")
    bob.type(`${"x".repeat(3000)}\n`)
    bob.type("/help\n")
    await bob.says("There are /join ROOM, /leave, /rooms, /who and /quit.\n")
    bob.type("\x1b[2Jclean\r\n")
    // Neither the empty lines nor the long one were said, and the terminal's own language is not passed on.
    expect(await ada.says("bob: ")).not.toContain("xxx")
    await ada.says("bob: [2Jclean\n")
    await leave(bob)
    await leave(ada)
  })

  it("has one room for people with nc and for programs with the typed client", async (context) => {
    needsNc(context)
    const ada = await enter("ada")
    const robot = await joinAsProgram("robot")
    await ada.says("* robot joined\n")
    robot.type("beep\n")
    await ada.says("robot: beep\n")
    ada.type("do you hear me?\n")
    await robot.says("ada: do you hear me?\n")
    robot.type("/who\n")
    await robot.says("In the room: ada, robot\n")
    const second = cast.add(builtExample("chat/client.ts", ["ada", String(jsonPort)]))
    await second.says("Refused: ada is taken\n")
    second.endInput()
    expect((await second.ended).code).toBe(0)
    await leave(ada)
    await robot.says("* ada left\n")
    robot.endInput()
    expect(await robot.ended).toEqual({ code: 0, signal: null })
  })

  it("has rooms, for people and programs alike", async (context) => {
    needsNc(context)
    const ada = await enter("ada")
    const bob = await enter("bob")
    const robot = await joinAsProgram("robot")
    await ada.says("* robot joined\n")
    ada.type("/join tea\n")
    await ada.says("You are in tea.\n")
    await bob.says("* ada left\n")
    robot.type("/join tea\n")
    await robot.says("You are in tea.\n")
    // Once in the lobby, and now here.
    await ada.says("* robot joined\n", 2)
    robot.type("milk?\n")
    await ada.says("robot: milk?\n")
    ada.type("/who\n")
    await ada.says("In the room: ada, robot\n")
    bob.type("who is there?\n")
    bob.type("/rooms\n")
    await bob.says("Rooms: lobby, tea\n")
    robot.type("/rooms\n")
    await robot.says("Rooms: lobby, tea\n")
    bob.type("/join two words\n")
    await bob.says("A room has 1 to 20 letters, digits, _ or -.\n")

    // The last to leave a room ends it, be it with the connection.
    robot.type("/leave\n")
    await bob.says("* robot joined\n", 2)
    await leave(ada)
    bob.type("/rooms\n")
    await bob.says("Rooms: lobby\n")
    expect(ada.output).not.toContain("who is there?")
    await leave(bob)
    await robot.says("* bob left\n")
    robot.endInput()
    expect(await robot.ended).toEqual({ code: 0, signal: null })
  })

  it("answers JSON that is no message of its own, and what comes before a Join", async () => {
    const program = new Peer(jsonPort)
    program.write('{"_tag":"Say","text":"too early"}\n')
    await program.hears('{"_tag":"Refused","reason":"join first"}\n')
    program.write("nonsense\n")
    program.write('{"_tag":"Dance"}\n')
    program.write('{"_tag":"Who"}\n')
    await program.hears('{"_tag":"Members","names":[]}\n')
    expect(program.text.split("\n").filter((line) => line.includes('"Refused"'))).toHaveLength(3)
    program.end()
    expect(await program.closed).toEqual({ error: undefined, sawEnd: true })
  })

  it("S-8: forgets those who are gone, however they went", async () => {
    const peers = Array.from({ length: 5 }, () => new Peer(port))
    for (const [i, peer] of peers.entries()) {
      await peer.hears("Your nickname?\n")
      peer.write(`guest${i}\n`)
      await peer.hears("Welcome, ")
    }
    const [first, second, third, fourth, fifth] = peers
    first?.destroy()
    second?.reset()
    third?.end()
    fourth?.write("/quit\n")
    // The last one sees the other four leave.
    for (const i of [0, 1, 2, 3]) await fifth?.hears(`* guest${i} left\n`)
    fifth?.write("/who\n")
    await fifth?.hears("In the room: guest4\n")
    fifth?.end()
    await Promise.all(peers.map((peer) => peer.closed))
  })

  it("has a client that finds the room again after its server was killed, with what was said meanwhile", async () => {
    const first = cast.add(example("chat/server.ts"))
    const rooms = await first.port("chat for programs")
    const robot = cast.add(example("chat/client.ts", ["robot", String(rooms)]))
    await robot.says("Welcome, robot.\n")
    await first.kill()
    await robot.says("* no chat, trying again: ")
    robot.type("is anybody there?\n/who\n")
    const second = cast.add(example("chat/server.ts", [], { JSON_PORT: String(rooms) }))
    await second.port("chat for programs")
    await robot.says("Welcome, robot.\n", 2)
    await robot.says("In the room: robot\n")
    robot.endInput()
    expect(await robot.ended).toEqual({ code: 0, signal: null })
    await second.kill()
  })

  it("S-1: SIGTERM says goodbye to people, lets programs go, and ends with 0", async (context) => {
    needsNc(context)
    const person = new Peer(port)
    await person.hears("Your nickname?\n")
    person.write("ada\n")
    const robot = await joinAsProgram("robot")
    await person.hears("* robot joined\n")
    server.signal("SIGTERM")
    expect(await person.closed).toEqual({ error: undefined, sawEnd: true })
    expect(person.text.endsWith("Bye.\n")).toBe(true)
    // Nobody ends what the robot could still type: it goes because the room is gone.
    expect(await robot.ended).toEqual({ code: 0, signal: null })
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
