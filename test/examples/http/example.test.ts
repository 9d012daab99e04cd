/** `examples/http`, as a process of its own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, Peer } from "../support.ts"
import { responses } from "./support.ts"

const cast = new Cast()
const server = cast.add(example("http/server.ts"))
let port = 0

beforeAll(async () => {
  port = await server.port("http")
})
afterAll(cast.leave)

const request = (method: string, path: string, ...rest: ReadonlyArray<string>): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\n${rest.map((line) => `${line}\r\n`).join("")}\r\n`

/** What comes back for bytes, up to the end that the server makes. */
const ask = async (bytes: string, headOnly?: (index: number) => boolean) => {
  const peer = new Peer(port)
  peer.write(bytes)
  expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
  const heard = responses(peer.bytes, headOnly)
  if (typeof heard === "string") throw new Error(heard)
  return heard
}

describe("examples/http", () => {
  it.each([
    ["GET", "/", 200, "Hello, World!\n"],
    ["GET", "/?a=b", 200, "Hello, World!\n"],
    ["GET", "http://a/?a=b", 200, "Hello, World!\n"],
    ["GET", "http://a", 200, "Hello, World!\n"],
    ["GET", "/nowhere", 404, "nothing here\n"],
    ["GET", "/__proto__", 404, "nothing here\n"],
    ["POST", "/", 405, "not with this method\n"],
    ["GET", "/echo", 405, "not with this method\n"],
    ["BREW", "/", 501, "no such method\n"],
    ["__proto__", "/", 501, "no such method\n"],
    ["OPTIONS", "*", 204, ""],
    ["OPTIONS", "/echo", 204, ""]
  ])("%s %s: %i", async (method, path, status, body) => {
    const [answer] = await ask(request(method, path, "Connection: close"))
    expect(answer).toMatchObject({ status, body })
    expect(answer?.fields.get("connection")).toBe("close")
    if (status === 405 || status === 204) expect(answer?.fields.get("allow")).toContain("OPTIONS")
  })

  it("answers HEAD where it answers GET", async () => {
    const [answer] = await ask(request("HEAD", "/", "Connection: close"), () => true)
    expect(answer).toMatchObject({ status: 200, body: "" })
    expect(answer?.fields.get("content-length")).toBe("14")
  })

  it("gives a body back, in one piece or in chunks, and what it has read of a request", async () => {
    const heard = await ask(
      request("POST", "/echo", "Content-Length: 5", "Content-Type: text/x") +
        "hello" +
        request("POST", "/echo", "Transfer-Encoding: chunked") +
        "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n" +
        request("GET", "/request?a=b&a=c", "X-Y: 1", "x-y:\t2 ", "Connection: close")
    )
    expect(heard.map(({ body }) => body).slice(0, 2)).toEqual(["hello", "hello"])
    expect(heard[0]?.fields.get("content-type")).toBe("text/x")
    expect(JSON.parse(heard[2]?.body ?? "")).toEqual({
      method: "GET",
      path: "/request",
      query: { a: "c" },
      headers: { host: "a", "x-y": "1, 2", connection: "close" }
    })
  })

  it("tells a client whose bytes are no request, and lives on", async () => {
    const heard = await ask(`${request("GET", "/")}GET / HTTP/1.1\nHost: a\n\n`)
    expect(heard.map(({ status }) => status)).toEqual([200, 400])
    expect(await ask(request("GET", "/", "Connection: close"))).toHaveLength(1)
  })

  it("SIGTERM: answers what is in flight, says that it closes, and exits with 0", async () => {
    const idle = new Peer(port)
    idle.write(request("GET", "/"))
    await idle.hears("World")
    const busy = new Peer(port)
    busy.write(request("GET", "/") + request("GET", "/slow"))
    await busy.hears("World")
    server.signal("SIGTERM")
    expect(await idle.closed).toMatchObject({ sawEnd: true })
    expect(await busy.closed).toMatchObject({ sawEnd: true })
    const heard = responses(busy.bytes)
    expect(heard).toMatchObject([{ status: 200 }, { status: 200, body: "at last\n" }])
    expect(typeof heard === "string" ? heard : heard[1]?.fields.get("connection")).toBe("close")
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
