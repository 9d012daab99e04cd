/** The package as its users get it: built, packed, installed into an empty folder, imported by plain Node. */
import { execFile } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { packageExports, publicModules, rootModules } from "../../scripts/exports.ts"

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..")
const folder = mkdtempSync(join(tmpdir(), "effect-sluice-package-"))
const copy = join(folder, "copy")
const user = join(folder, "user")
const installed = join(user, "node_modules/effect-sluice")

const execute = promisify(execFile)

/** Runs a program, and fails with what it printed. */
const run = async (cwd: string, file: string, ...args: ReadonlyArray<string>): Promise<string> => {
  try {
    const { stdout } = await execute(file, args, { cwd, maxBuffer: 64 << 20, timeout: 240_000 })
    return stdout
  } catch (error) {
    const { stderr = "", stdout = "" } = error as { readonly stdout?: string; readonly stderr?: string }
    throw new Error(`${[file, ...args].join(" ")} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

const runNode = (...args: ReadonlyArray<string>): Promise<string> => run(user, process.execPath, ...args)

const runModule = (text: string): Promise<string> => runNode("--input-type=module", "--eval", text)

// A copy is built, so that a test run neither needs nor disturbs `dist`.
const build = async (): Promise<void> => {
  mkdirSync(copy)
  const parts = [
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "README.md",
    "CHANGELOG.md",
    "LICENSE"
  ]
  for (const name of [...parts, "src", "scripts"])
    cpSync(join(root, name), join(copy, name), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "junction")
  await run(copy, process.execPath, join(root, "node_modules/tsx/dist/cli.mjs"), "scripts/build.ts")
}

// Everything comes from this machine: the tarball, and the dependencies as links to the ones at hand.
const install = async (): Promise<void> => {
  mkdirSync(user)
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
  const packed = await run(copy, "npm", "pack", "--pack-destination", folder, "--silent")
  const tarball = join(folder, packed.trim().split("\n").at(-1) ?? "")
  writeFileSync(
    join(user, "package.json"),
    JSON.stringify({ name: "user", version: "1.0.0", type: "module" })
  )
  const local = ["effect", "msgpackr", "ws"].map((name) => join(root, "node_modules", name))
  await run(user, "npm", "install", ...quiet, "--offline", "--no-package-lock", tarball, ...local)
}

const compile = async (
  name: string,
  text: string,
  options: Record<string, unknown> = {}
): Promise<string> => {
  writeFileSync(join(user, `${name}.ts`), text)
  const compilerOptions = {
    target: "ES2022",
    // The declarations of effect need the classes of the web.
    lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: [],
    ...options
  }
  const project = join(user, `tsconfig.${name}.json`)
  writeFileSync(project, JSON.stringify({ compilerOptions, files: [`${name}.ts`] }))
  return runNode(join(root, "node_modules/typescript/bin/tsc"), "-p", project)
}

beforeAll(async () => {
  await build()
  await install()
}, 300_000)

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))

const specifiers = [
  "effect-sluice",
  ...publicModules().map((name) => `effect-sluice/${name}`),
  "effect-sluice/testing"
]

const consumer = `
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { Client, Codec, type Connection, Framing, Protocol, Server } from "effect-sluice"
import * as SameFraming from "effect-sluice/Framing"
import { make } from "effect-sluice/Protocol"
import type { Connector } from "effect-sluice/Transport"
import { FramingLaws } from "effect-sluice/testing"

const Greeting = Schema.TaggedStruct("Greeting", { name: Schema.String })

export const Lines = make("Lines", { framing: SameFraming.lines(), fromClient: Codec.utf8, fromServer: Codec.utf8 })

export const Tagged = Protocol.tagged("Tagged", {
  framing: Framing.typeLengthValue(),
  messages: { Greeting: { id: 1, schema: Greeting } }
})

export const LinesServer = Server.layer(Lines, (connection) => Stream.run(connection.messages, connection.sink))

class LinesClient extends Context.Service<LinesClient, Client.Client<string, string>>()("LinesClient") {}

const LinesClientLive = Client.layer(LinesClient, Lines)

export const needsConnector: Layer.Layer<
  LinesClient,
  Layer.Error<typeof LinesClientLive>,
  Connector
> = LinesClientLive

export const client = Effect.scoped(
  Effect.gen(function* () {
    const connection = yield* Client.connect(Lines)
    const id: number = connection.id
    return id
  })
)

// @ts-expect-error: the messages of Lines are strings
export const wrong: Effect.Effect<Connection.Connection<number, number>, unknown, unknown> = Client.connect(Lines)

export const laws = FramingLaws
`

describe("the package", { timeout: 120_000 }, () => {
  it("is loaded by plain Node, every subpath of it", async () => {
    const expected = Object.keys(packageExports()).filter((path) => /^\.(\/[A-Za-z]+)?$/.test(path))
    expect(specifiers.map((name) => name.replace("effect-sluice", "."))).toEqual(expected)
    const imports = specifiers.map(
      (name) => `[${JSON.stringify(name)}, await import(${JSON.stringify(name)})]`
    )
    const output = await runModule(
      `console.log(JSON.stringify([${imports}].map(([name, module]) => [name, Object.keys(module).length])))`
    )
    const found: ReadonlyArray<readonly [string, number]> = JSON.parse(output)
    expect(found.map(([name]) => name)).toEqual(specifiers)
    // Some modules have only types.
    const modules = Object.fromEntries(found)
    expect(modules["effect-sluice"]).toBe(rootModules().length)
    expect(modules["effect-sluice/Framing"]).toBeGreaterThan(5)
  })

  it("has the same modules in the root and in the subpaths", async () => {
    const output = await runModule(`
      import * as all from "effect-sluice"
      const same = []
      for (const name of Object.keys(all)) same.push(all[name] === (await import("effect-sluice/" + name)))
      console.log(same.every(Boolean), same.length)
    `)
    expect(output.trim()).toBe(`true ${rootModules().length}`)
  })

  it.each([
    "effect-sluice/internal/connection",
    "effect-sluice/internal/framing/lengthField",
    "effect-sluice/dist/index.js"
  ])("refuses %s", async (name) => {
    const output = await runModule(
      `await import(${JSON.stringify(name)}).then(() => console.log("loaded"), (error) => console.log(error.code))`
    )
    expect(output.trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED")
  })

  it("type-checks with the types it declares", async () => {
    await compile("consumer", consumer)
  })

  it("type-checks in a project of Node, and in one that is bundled", async () => {
    await compile("node", consumer, {
      exactOptionalPropertyTypes: false,
      lib: ["ES2023"],
      skipLibCheck: true,
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")]
    })
    await compile("bundled", consumer, { module: "ESNext", moduleResolution: "bundler" })
  })

  it("refuses internal modules to the type checker too", async () => {
    const text = `import * as internal from "effect-sluice/internal/connection"\nexport { internal }\n`
    await expect(compile("intruder", text)).rejects.toThrow("TS2307")
  })

  it("has declarations and maps that lead to what is in it", () => {
    const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" })
    const declarations = files.filter((name) => name.endsWith(".d.ts"))
    expect(declarations.length).toBeGreaterThan(publicModules().length)
    const relative = /(?:\bfrom|\bimport\(?)\s*["'](\.[^"']+)["']/g
    for (const name of files.filter((file) => /\.(js|d\.ts)$/.test(file))) {
      const file = join(installed, "dist", name)
      const text = readFileSync(file, "utf8")
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "")
      for (const [, specifier = ""] of code.matchAll(relative)) {
        expect(specifier, name).toMatch(/\.js$/)
        expect(existsSync(resolve(dirname(file), specifier)), `${name}: ${specifier}`).toBe(true)
      }
      const map = /\/\/# sourceMappingURL=(\S+)/.exec(text)?.[1] ?? "none"
      const { sources }: { readonly sources: ReadonlyArray<string> } = JSON.parse(
        readFileSync(resolve(dirname(file), map), "utf8")
      )
      for (const source of sources) {
        const path = resolve(dirname(file), source)
        expect(path.startsWith(join(installed, "src")) && existsSync(path), `${name}: ${source}`).toBe(true)
      }
    }
  })

  it("has nothing else in it", () => {
    expect(readdirSync(installed).toSorted()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "dist",
      "package.json",
      "src"
    ])
  })
})
