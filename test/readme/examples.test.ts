/** The examples in the documentation compile, and those that say how are run. See fences.ts. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { type AddressInfo, connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { allExamples, type Example, examplesOf, fileOf, textOf } from "./fences.ts"

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..")
const folder = realpathSync(mkdtempSync(join(tmpdir(), "effect-sluice-examples-")))
const project = join(folder, "tsconfig.json")
const examples = existsSync(join(root, "README.md")) ? allExamples(root) : []
const running = examples.filter(({ expect, send }) => send !== undefined || expect !== undefined)

const write = (file: string, text: string): void => {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}

/** What the compiler has to say about the examples, with places in the documents. */
const compile = (): Promise<ReadonlyArray<string>> =>
  new Promise((done, fail) => {
    const documents = new Map(examples.map((example) => [fileOf(example), example.document]))
    const args = [join(root, "node_modules/typescript/bin/tsc"), "-p", project, "--pretty", "false"]
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const output = stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) =>
          line.replace(
            /^([^(\s]+)\((\d+),(\d+)\)/,
            (_, file, at, column) => `${documents.get(file) ?? file}:${at}:${column}`
          )
        )
      if (error !== null && output.length === 0)
        fail(new Error(`the compiler failed: ${stderr}`, { cause: error }))
      else done(output)
    })
  })

const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer().once("error", fail)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })

/** Sends bytes, and reads as many as are awaited. Fails if nobody listens. */
const talk = (port: number, send: string, length: number): Promise<string> =>
  new Promise((done, fail) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(send))
    let received = Buffer.alloc(0)
    const finish = () => {
      socket.destroy()
      done(received.toString("utf8"))
    }
    socket.setTimeout(10_000, finish)
    socket.once("error", fail).once("end", finish)
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, bytes])
      if (received.length >= length) finish()
    })
  })

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

/** Starts an example on a free port, talks to it, and stops it. */
const tryOut = async (example: Example): Promise<{ readonly received: string; readonly output: string }> => {
  const port = await freePort()
  const { document } = example
  const siblings = examples.filter((other) => other.document === document)
  // The document names a port that may be in use here.
  const place = (other: Example): string => `port${port}/${fileOf(other)}`
  for (const other of siblings) write(place(other), textOf(other).replace(/\bport: \d+\b/g, `port: ${port}`))
  const tsx = join(root, "node_modules/tsx/dist/cli.mjs")
  const child = spawn(process.execPath, [tsx, "--tsconfig", project, place(example)], {
    cwd: folder,
    env: { ...process.env, PORT: String(port), FORCE_COLOR: "0" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (output += bytes))
  const closed = new Promise<void>((done) => child.once("close", () => done()))
  try {
    const deadline = Date.now() + 30_000
    for (;;) {
      const awaited = Buffer.byteLength(example.expect ?? "")
      const received = await talk(port, example.send ?? "", awaited).catch(
        (error: NodeJS.ErrnoException) => error
      )
      if (typeof received === "string") return { received, output }
      if (!isRunning(child) || Date.now() > deadline) {
        throw new Error(`${document}:${example.line} cannot be reached: ${received.message}\n${output}`)
      }
      await sleep(50)
    }
  } finally {
    child.kill("SIGTERM")
    const patience = setTimeout(() => child.kill("SIGKILL"), 5_000)
    await closed
    clearTimeout(patience)
  }
}

beforeAll(() => {
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction")
  write("package.json", JSON.stringify({ type: "module", private: true }))
  // `paths` as in the project: effect-sluice is the source.
  const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false }
  const options = {
    extends: join(root, "tsconfig.json"),
    compilerOptions,
    include: [],
    files: examples.map(fileOf)
  }
  write("tsconfig.json", JSON.stringify(options))
  for (const example of examples) write(fileOf(example), textOf(example))
})

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))

describe("the examples in the documentation", { timeout: 120_000 }, () => {
  it("are read from a README that is there", () => {
    expect(existsSync(join(root, "README.md"))).toBe(true)
  })

  it("have names of their own", () => {
    const files = examples.map(fileOf)
    expect(files.filter((file, index) => files.indexOf(file) !== index)).toEqual([])
  })

  it.runIf(examples.length > 0)("compile", async () => {
    expect(await compile()).toEqual([])
  })

  it.each(running.map((example) => ({ ...example, title: `${example.document}:${example.line}`, example })))(
    "$title runs, and does what it says",
    async ({ example }) => {
      const { output, received } = await tryOut(example)
      expect(received, output).toBe(example.expect ?? "")
    }
  )
})

describe("the extraction of examples", () => {
  it("finds the fences of Markdown", () => {
    const text = [
      "Text",
      '<!-- example: server.ts send="a\\n" expect="b" -->',
      "",
      "```ts",
      "const a = 1",
      "```",
      "- item",
      "  ```typescript",
      "  if (a) {",
      "    b()",
      "  }",
      "  ```",
      "```sh",
      "```",
      "````md",
      "```ts",
      "not this",
      "```",
      "````"
    ].join("\n")
    const none = { name: undefined, send: undefined, expect: undefined }
    expect(examplesOf("docs/x.md", text)).toEqual([
      { document: "docs/x.md", line: 5, code: "const a = 1", name: "server.ts", send: "a\n", expect: "b" },
      { document: "docs/x.md", line: 9, code: "if (a) {\n  b()\n}", ...none }
    ])
  })

  it("finds the fences of doc comments", () => {
    const text = [
      "/**",
      " * ```ts",
      " * const a = `",
      " *   b`",
      " *",
      " * ```",
      " */",
      "export const c = 1"
    ].join("\n")
    const [example] = examplesOf("src/X.ts", text)
    expect(example?.code).toBe("const a = `\n  b`\n")
    expect(example && fileOf(example)).toBe("src/X_ts/line3.ts")
    expect(example && textOf(example)).toBe("\n\nconst a = `\n  b`\n")
  })
})
