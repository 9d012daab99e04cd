/** `examples/http`, driven by curl, wrk, nc, and Node's own clients. */
import { type ExecFileException, execFile } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"

const cast = new Cast()
const server = cast.add(example("http/server.ts"))
const folder = mkdtempSync(join(tmpdir(), "effect-sluice-http-"))
let port = 0
let url = ""

beforeAll(async () => {
  port = await server.port("http")
  url = `http://127.0.0.1:${port}`
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await cast.leave()
})

/** Runs a command; its output, and its exit code. */
const run = (
  command: string,
  ...args: ReadonlyArray<string>
): Promise<{ readonly code: number; readonly out: string; readonly log: string }> =>
  new Promise((resolve) => {
    execFile(
      command,
      args,
      { timeout: 30_000, maxBuffer: 64 << 20, encoding: "latin1" },
      (error: ExecFileException | null, out, log) => resolve({ code: Number(error?.code ?? 0), out, log })
    )
  })

const curl = (...args: ReadonlyArray<string>) =>
  run("curl", "--silent", "--show-error", "--noproxy", "", ...args)

/** The status only, and the body elsewhere. */
const status = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await curl("--output", "/dev/null", "--write-out", "%{http_code}", ...args)).out

const digest = (bytes: string | Uint8Array): string =>
  createHash("sha256")
    .update(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)
    .digest("hex")

const file = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

describeWith("curl", { commands: { curl: "curl" } }, () => {
  it.each(["--http1.1", "--http1.0"])("%s: GET and HEAD", async (version) => {
    expect(await curl(version, url)).toMatchObject({ code: 0, out: "Hello, World!\n" })
    const { code, out } = await curl(version, "--head", url)
    expect(code).toBe(0)
    expect(out).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(out).toContain("Content-Length: 14\r\n")
  })

  it("keeps one connection for several requests", async () => {
    const { log, out } = await curl("--verbose", url, `${url}/nowhere`, "--head", url)
    expect(log.match(/Connected to/g)).toHaveLength(1)
    expect(log.match(/Re-using existing connection/g)).toHaveLength(2)
    expect(out.match(/HTTP\/1\.1 (\d+)/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"])
  })

  it("HTTP/1.0 with keep-alive keeps one connection, too", async () => {
    const keep = ["--http1.0", "--header", "Connection: keep-alive", "--verbose"]
    const { log, out } = await curl(...keep, url, url)
    expect(log.match(/Re-using existing connection/g)).toHaveLength(1)
    expect(out).toBe("Hello, World!\n".repeat(2))
  })

  it("sees the end behind Connection: close", async () => {
    const { log } = await curl("--verbose", "--header", "Connection: close", url)
    expect(log).toContain("Closing connection")
    expect(log).toContain("< Connection: close")
  })

  it.each([1, 65_537, 1024 * 1024])("uploads %i bytes with their length", async (length) => {
    const bytes = randomBytes(length)
    const { code, out } = await curl("--data-binary", `@${file("upload", bytes)}`, `${url}/echo`)
    expect(code).toBe(0)
    expect(digest(out)).toBe(digest(bytes))
  })

  it("uploads what comes through a pipe, in chunks", async () => {
    const path = file("piped", randomBytes(500_000))
    const { code, out } = await run(
      "sh",
      "-c",
      `cat ${path} | curl -sS -X POST -T - ${url}/echo | sha256sum; sha256sum < ${path}`
    )
    expect(code).toBe(0)
    const [back, sent] = out.split("\n")
    expect(back).toBe(sent)
  })

  it("waits for 100 before it sends a body", async () => {
    const expects = ["--verbose", "--header", "Expect: 100-continue", "--expect100-timeout", "20"]
    const { log, out } = await curl(...expects, "--data", "hello", `${url}/echo`)
    expect(log).toContain("< HTTP/1.1 100 Continue")
    expect(out).toBe("hello")
  })

  it("hears at once that a body is too long, and sends none of it", async () => {
    const path = file("long", new Uint8Array(3 * 1024 * 1024))
    const size = ["--output", "/dev/null", "--write-out", "%{http_code} %{size_upload}"]
    const expects = ["--header", "Expect: 100-continue", "--expect100-timeout", "20"]
    const { out } = await curl(...size, ...expects, "--data-binary", `@${path}`, `${url}/echo`)
    expect(out).toBe("413 0")
  })

  it("hears that chunks are too long while it sends them", async () => {
    const path = file("chunks", new Uint8Array(3 * 1024 * 1024))
    const chunked = ["--header", "Transfer-Encoding: chunked", "--header", "Expect:"]
    expect(await status(...chunked, "--data-binary", `@${path}`, `${url}/echo`)).toBe("413")
  })

  it.each([
    ["a method that is not for the path", "405", ["--request", "DELETE"]],
    ["a method that nobody knows", "501", ["--request", "BREW"]],
    ["a method that is none", "400", ["--request", "A B"]],
    ["no Host", "400", ["--header", "Host:"]],
    ["a Host that is none", "400", ["--header", "Host: a/b"]],
    [
      "two lengths",
      "400",
      ["--header", "Content-Length: 2", "--header", "Content-Length: 2", "--request", "POST"]
    ],
    [
      "a length and chunks",
      "400",
      ["--header", "Transfer-Encoding: chunked", "--header", "Content-Length: 2", "--data", "hi"]
    ],
    ["another coding", "501", ["--header", "Transfer-Encoding: gzip, chunked", "--data", "hi"]],
    ["an unknown expectation", "417", ["--header", "Expect: tea"]],
    ["a long field", "431", ["--header", `X: ${"x".repeat(20_000)}`]],
    ["many fields", "431", Array.from({ length: 120 }, (_, index) => ["--header", `X${index}: y`]).flat()],
    ["OPTIONS for everything", "204", ["--request", "OPTIONS", "--request-target", "*"]],
    ["a target that is none", "400", ["--request-target", "nowhere"]],
    ["a URL for a target, as a proxy gets it", "200", ["--proxy", "PROXY"]]
  ] as const)("%s: %s", async (_, expected, args) => {
    expect(await status(...args.map((arg) => (arg === "PROXY" ? url : arg)), `${url}/`)).toBe(expected)
  })

  it("a long path: 414", async () => {
    expect(await status(`${url}/${"x".repeat(8192)}`)).toBe("414")
    expect(await status(`${url}/${"x".repeat(8000)}`)).toBe("404")
  })

  it("fifty at once", async () => {
    const config = Array.from({ length: 50 }, () => `url = ${url}/`).join("\n")
    const path = file("config", Buffer.from(config))
    const { code, out } = await curl("--parallel", "--parallel-max", "50", "--config", path)
    expect(code).toBe(0)
    expect(out).toBe("Hello, World!\n".repeat(50))
  })
})

describeWith("nc", { commands: { nc: "netcat-openbsd" } }, () => {
  it("sends a thousand requests at once, and hears the answers in their order", async () => {
    const requests = Array.from(
      { length: 1000 },
      (_, index) => `GET /request?${index} HTTP/1.1\r\nHost: a\r\n\r\n`
    )
    const path = file("pipeline", Buffer.from(requests.join("")))
    const { code, out } = await run("sh", "-c", `nc -N 127.0.0.1 ${port} < ${path}`)
    expect(code).toBe(0)
    const order = [...out.matchAll(/"query":\{"(\d+)":""\}/g)].map(([, index]) => Number(index))
    expect(order).toEqual(requests.map((_, index) => index))
  })

  it("types a request by hand, with bare line feeds, and is told", async () => {
    const { out } = await run("sh", "-c", `printf 'GET / HTTP/1.1\\nHost: a\\n\\n' | nc 127.0.0.1 ${port}`)
    expect(out).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  })
})

describeWith("wrk", { commands: { wrk: "wrk" } }, () => {
  const load = (...args: ReadonlyArray<string>) =>
    run("wrk", "--threads", "1", "--connections", "32", "--duration", "1s", ...args, `${url}/`)

  it("has all its requests answered", async () => {
    const { code, out } = await load()
    expect(code).toBe(0)
    expect(out).toMatch(/[1-9]\d* requests in/)
    expect(out).not.toMatch(/Socket errors|Non-2xx/)
  })

  it("has all of 16 at once answered", async () => {
    const script = file(
      "pipeline.lua",
      Buffer.from(`
        init = function() all = string.rep(wrk.format(), 16) end
        request = function() return all end
      `)
    )
    const { code, out } = await load("--script", script)
    expect(code).toBe(0)
    expect(out).toMatch(/[1-9]\d* requests in/)
    expect(out).not.toMatch(/Socket errors|Non-2xx/)
  })
})

describe("node:http", () => {
  const ask = async (options: RequestOptions, body?: string | Uint8Array, agent?: Agent) => {
    const asked = request(url, { agent: agent ?? false, ...options })
    asked.end(body)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      asked.once("response", resolve).once("error", reject)
    })
    const { localPort } = response.socket
    return { response, body: await text(response), localPort }
  }

  it("keeps its connections for two hundred requests of all kinds", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    const kinds = [
      () => ask({ path: "/" }, undefined, agent),
      () => ask({ path: "/", method: "HEAD" }, undefined, agent),
      () => ask({ path: "/echo", method: "POST" }, "hello", agent),
      () =>
        ask({ path: "/echo", method: "POST", headers: { "Transfer-Encoding": "chunked" } }, "hello", agent),
      () => ask({ path: "/nowhere" }, undefined, agent)
    ]
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => kinds[index % kinds.length]!())
    )
    const expected = ["200 Hello, World!\n", "200 ", "200 hello", "200 hello", "404 nothing here\n"]
    expect(answers.map(({ body, response }) => `${response.statusCode} ${body}`)).toEqual(
      answers.map((_, index) => expected[index % expected.length])
    )
    expect(new Set(answers.map(({ localPort }) => localPort)).size).toBe(4)
    agent.destroy()
  })

  it("waits for 100, and sends its body then", async () => {
    const asked = request(`${url}/echo`, {
      agent: false,
      method: "POST",
      headers: { Expect: "100-continue", "Content-Length": 5 }
    })
    asked.flushHeaders()
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      asked.once("response", resolve).once("error", reject)
    })
    await new Promise<void>((resolve) => asked.once("continue", resolve))
    asked.end("hello")
    expect(await text(await response)).toBe("hello")
  })
})

/** As much of undici as is used here. */
interface Undici {
  readonly Client: new (
    origin: string,
    options: { readonly pipelining: number }
  ) => {
    readonly request: (options: {
      readonly path: string
      readonly method: string
      readonly body?: string
    }) => Promise<{ readonly statusCode: number; readonly body: { readonly text: () => Promise<string> } }>
    readonly close: () => Promise<void>
  }
}

describeWith("undici", { packages: ["undici"] }, () => {
  it("has sixteen requests on their way at once, and each has its own answer", async () => {
    // Its types are there only where it is installed.
    const { Client } = createRequire(import.meta.url)("undici") as Undici
    const client = new Client(url, { pipelining: 16 })
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        // It sends no body behind a request that is on its way.
        const { body, statusCode } = await client.request({ path: `/request?${index}`, method: "GET" })
        return `${statusCode} ${Object.keys(JSON.parse(await body.text()).query)}`
      })
    )
    expect(answers).toEqual(answers.map((_, index) => `200 ${index}`))
    const posted = await client.request({ path: "/echo", method: "POST", body: "hello" })
    expect(await posted.body.text()).toBe("hello")
    await client.close()
  })
})

describe("fetch", () => {
  it("gets, posts, and streams a body", async () => {
    expect(await (await fetch(url)).text()).toBe("Hello, World!\n")
    const posted = await fetch(`${url}/echo`, { method: "POST", body: "hello" })
    expect(await posted.text()).toBe("hello")
    const pieces = [randomBytes(100_000), randomBytes(100_000)]
    // Of DOM's `RequestInit`, which knows no `duplex` yet.
    const init: RequestInit & { duplex: string } = {
      method: "POST",
      duplex: "half",
      body: new ReadableStream({
        pull: (controller) => {
          const piece = pieces.shift()
          if (piece === undefined) controller.close()
          else controller.enqueue(new Uint8Array(piece))
        }
      })
    }
    const streamed = await fetch(`${url}/echo`, init)
    expect((await streamed.arrayBuffer()).byteLength).toBe(200_000)
  })

  it("gives up, and others go on", async () => {
    const gone = new AbortController()
    const slow = fetch(`${url}/slow`, { signal: gone.signal })
    gone.abort()
    await expect(slow).rejects.toThrow("aborted")
    expect((await fetch(url)).status).toBe(200)
  })
})

describe("a stop", () => {
  it("has the last answers taken, which say that they are, and exits with 0", async () => {
    const agent = new Agent({ keepAlive: true })
    const stopping = cast.add(example("http/server.ts"))
    const at = await stopping.port("http")
    const asked = request(`http://127.0.0.1:${at}/slow`, { agent })
    asked.end()
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      asked.once("response", resolve).once("error", reject)
    })
    // Asked behind it, and answered before it: the server has the first one.
    await (await fetch(`http://127.0.0.1:${at}/`)).text()
    stopping.signal("SIGTERM")
    const answer = await response
    expect(answer.headers.connection).toBe("close")
    expect(await text(answer)).toBe("at last\n")
    expect(await stopping.ended).toEqual({ code: 0, signal: null })
    agent.destroy()
  })
})
