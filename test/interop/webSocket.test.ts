/** `examples/chat` over WebSockets, driven by implementations that others wrote, and our client against their server. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { Cast, example, host, Program } from "../examples/support.ts"
import { describeWith, loadPackage, python } from "./support/needs.ts"

const cast = new Cast()
const server = cast.add(example("chat/server.ts"))
let url = ""

beforeAll(async () => {
  const port = /chat in a browser: http:\/\/localhost:(\d+)/.exec(
    await server.says("chat in a browser: http")
  )?.[1]
  url = `ws://${host}:${port}/chat`
})
afterAll(cast.leave)

/** A class as in a browser, which that of ws, that of undici and that of Node 22 are. */
interface Web {
  readonly protocol: string
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: string }) => void) | null
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null
  onerror: (() => void) | null
  readonly send: (data: string) => void
  readonly close: (code?: number) => void
}

type Constructor = new (url: string) => Web

interface Guest {
  readonly socket: Web
  readonly heard: Array<{ readonly _tag: string; readonly text?: string; readonly reason?: string }>
  readonly closed: Promise<number>
}

const connect = (WebSocket: Constructor): Promise<Guest> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    const heard: Guest["heard"] = []
    socket.onmessage = ({ data }) => heard.push(JSON.parse(data))
    const closed = new Promise<number>((done) => {
      socket.onclose = ({ code }) => {
        done(code)
        reject(new Error(`closed with ${code}`))
      }
    })
    socket.onerror = () => {}
    socket.onopen = () => resolve({ socket, heard, closed })
  })

const say = ({ socket }: Guest, message: object): void => socket.send(JSON.stringify(message))

const talks = (name: string): void => {
  it(`${name}: plain code takes part, and closes in good order`, async () => {
    // What both packages have.
    const { WebSocket } = loadPackage(name) as { readonly WebSocket: Constructor }
    const ada = await connect(WebSocket)
    const bob = await connect(WebSocket)
    say(ada, { _tag: "Join", name: `ada-${name}` })
    await expect.poll(() => ada.heard.length).toBe(1)
    say(bob, { _tag: "Join", name: `bob-${name}` })
    await expect.poll(() => ada.heard.map(({ _tag }) => _tag)).toEqual(["Welcome", "Joined"])
    say(bob, { _tag: "Say", text: "grüße\nin two lines" })
    await expect.poll(() => ada.heard.at(-1)?.text).toBe("grüße in two lines")
    // No message of the protocol is answered, and nobody else minds.
    ada.socket.send("nonsense")
    await expect.poll(() => ada.heard.at(-1)?._tag).toBe("Refused")
    say(ada, { _tag: "Say", text: "x".repeat(5000) })
    expect(await ada.closed).toBe(1009)
    await expect.poll(() => bob.heard.at(-1)?._tag).toBe("Left")
    bob.socket.close(1000)
    expect(await bob.closed).toBe(1000)
  })
}

describeWith("ws", { packages: ["ws"] }, () => talks("ws"))
describeWith("undici", { packages: ["undici"] }, () => talks("undici"))

describeWith("Python's websockets", { pythonModules: { websockets: "python3-websockets" } }, () => {
  it("takes part, pings, and is pinged", async () => {
    const program = cast.add(
      new Program(python, [
        "-c",
        `
import asyncio, json, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], compression=None) as socket:
        await socket.send(json.dumps({"_tag": "Join", "name": "python"}, indent=2))
        print(await socket.recv())
        await asyncio.wait_for(await socket.ping(), 5)
        print("pong")
        await socket.send(json.dumps({"_tag": "Enter", "room": "snakes"}))
        print(await socket.recv())
        await socket.send(json.dumps({"_tag": "Who"}).encode())
        print(await socket.recv())
        try:
            await websockets.connect(sys.argv[1], origin="http://evil.example")
        except websockets.exceptions.InvalidStatusCode as error:
            print("status", error.status_code)
    print("closed", socket.close_code)
asyncio.run(main())
`,
        url
      ])
    )
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.output).toBe(
      `{"_tag":"Welcome","name":"python"}\npong\n{"_tag":"Entered","room":"snakes"}\n{"_tag":"Members","names":["python"]}\nstatus 403\nclosed 1000\n`
    )
  })
})
