/** Who may import whom. The rules stand here once, to be read; CONTRIBUTING.md only points here. */
import { describe, expect, it } from "vitest"
import { publicModules } from "../../scripts/exports.ts"
import { filesIn, type Import, importsOf } from "./sources.ts"

/** The public modules, from the ground up. A module imports what stands above it in this list, never below. */
const layers = [
  "ByteWriter",
  "SluiceError",
  "Deadlines",
  "Heartbeat",
  "Outbound",
  "Admission",
  "CloseReason",
  "Framing",
  "Codec",
  "Versions",
  "Protocol",
  "Resp",
  "Tls",
  "Transport",
  "ProxyProtocol",
  "Connection",
  "Events",
  "Connections",
  "Groups",
  "Handler",
  "Requests",
  "JsonRpc",
  "Delivery",
  "Workers",
  "Offload",
  "Server",
  "Shutdown",
  "Client",
  "Rpc",
  "TransportNode",
  "Alpn",
  "Multicore",
  "TransportUdp",
  "TransportStdio",
  "TransportMemory",
  "TransportSocket",
  "TransportWebSocket",
  "TransportBrowser"
]

/** Imports down the list that may be, for types only: an error tells why the connection closed, and the other way. */
const typesFromBelow = ["SluiceError -> CloseReason", "SluiceError -> Versions"]

/** Who may import what the others in `src` may not. */
const reserved = [
  {
    what: "Node's own modules",
    imports: /^node:/,
    by: /^src\/(internal\/node\/.*|TransportNode|TransportWebSocket|Tls)\.ts$/
  },
  {
    what: "Effect's sockets, which are unstable",
    imports: /^effect\/socket(\/|$)/,
    by: /^src\/(TransportSocket|Rpc)\.ts$/
  },
  {
    what: "Effect's encodings, which are unstable",
    imports: /^effect\/encoding(\/|$)/,
    by: /^src\/internal\/codec\/binary\.ts$/
  },
  {
    what: "Effect's RPC, which is unstable",
    imports: /^effect\/rpc(\/|$)/,
    by: /^src\/Rpc\.ts$/
  },
  {
    what: "Effect's other unstable modules",
    imports: /^effect\/(?!socket(\/|$)|encoding(\/|$)|rpc(\/|$))[a-z]/,
    by: /^$/
  },
  {
    what: "the root of effect (import by module: effect/Effect)",
    imports: /^effect$/,
    by: /^$/
  },
  {
    what: "packages other than effect, msgpackr, piscina and ws",
    imports: /^(?!\.|node:|effect(\/|$)|msgpackr$|piscina$|ws$)/,
    by: /^$/
  },
  {
    what: "msgpackr",
    imports: /^msgpackr$/,
    by: /^src\/Codec\.ts$/
  },
  {
    what: "ws, which is optional",
    imports: /^ws$/,
    by: /^src\/internal\/node\/webSocket\/.*\.ts$/
  },
  {
    what: "piscina, which is optional",
    imports: /^piscina$/,
    by: /^src\/internal\/node\/offload\.ts$/
  }
]

/** Framings and codecs are plain functions: of Effect they know only what describes data and failures. */
const pure = {
  files: /^src\/internal\/(framing|codec)\//,
  mayImport: /^(\.|effect\/(Data|Effect|Exit|Schema\w*)$)/,
  // The one codec that is built on Effect's encodings; see above.
  except: { file: "src/internal/codec/binary.ts", specifier: /^effect\/encoding(\/|$)/ }
}

/** What the library is made of imports none of what is made with it. */
const outside = /^(test|examples|bench|scripts|docs)\//

const imports = filesIn("src").flatMap((file) => importsOf(file))

const moduleOf = (file: string | undefined): string | undefined => /^src\/(\w+)\.ts$/.exec(file ?? "")?.[1]

const offenders = (isOffence: (entry: Import) => boolean): ReadonlyArray<string> =>
  imports.filter(isOffence).map(({ file, line, specifier }) => `${file}:${line} imports "${specifier}"`)

describe("imports", () => {
  it("are found", () => {
    expect(imports.length).toBeGreaterThan(100)
    const text = [
      `import * as A from "a"`,
      `import type { B } from "./b.ts"`,
      `import {\n  C,\n  type D\n} from "../c.ts"`,
      `import "e"`,
      `export * as F from "f"`,
      `export type { G } from "g"`,
      `// import "comment"`,
      `const h = import("h")`,
      `let i: typeof import("i")`,
      `export const from = ["no import"]`
    ].join("\n")
    expect(
      importsOf("src/x/y.ts", text).map(({ line, specifier, target, typeOnly }) => [
        line,
        specifier,
        target,
        typeOnly
      ])
    ).toEqual([
      [1, "a", undefined, false],
      [2, "./b.ts", "src/x/b.ts", true],
      [3, "../c.ts", "src/c.ts", false],
      [7, "e", undefined, false],
      [8, "f", undefined, false],
      [9, "g", undefined, true],
      [11, "h", undefined, false],
      [12, "i", undefined, true]
    ])
  })

  it("the list of layers has every public module", () => {
    expect(layers.toSorted()).toEqual(publicModules())
  })

  it("of public modules go up the list of layers", () => {
    const goesDown = ({ file, target, typeOnly }: Import): boolean => {
      const [from, to] = [moduleOf(file), moduleOf(target)]
      if (from === undefined || from === "index" || to === undefined) return false
      if (typeOnly && typesFromBelow.includes(`${from} -> ${to}`)) return false
      return layers.indexOf(to) < 0 || layers.indexOf(to) >= layers.indexOf(from)
    }
    expect(offenders(goesDown)).toEqual([])
  })

  it("go in no circle", () => {
    const circles: Array<string> = []
    const done = new Set<string>()
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "))
      if (done.has(file) || path.includes(file)) return
      for (const entry of imports) {
        if (entry.file === file && entry.target !== undefined && !entry.typeOnly)
          visit(entry.target, [...path, file])
      }
      done.add(file)
    }
    for (const file of filesIn("src")) visit(file, [])
    expect(circles).toEqual([])
  })

  it.each(reserved)("of $what stay where they belong", ({ by, imports: specifiers }) => {
    expect(offenders(({ file, specifier }) => specifiers.test(specifier) && !by.test(file))).toEqual([])
  })

  it("of framings and codecs keep them pure", () => {
    const isImpure = ({ file, specifier }: Import): boolean =>
      pure.files.test(file) &&
      !pure.mayImport.test(specifier) &&
      !(file === pure.except.file && pure.except.specifier.test(specifier))
    expect(offenders(isImpure)).toEqual([])
  })

  it("of the library lead into the library", () => {
    const leaves = ({ target }: Import): boolean =>
      target !== undefined && (outside.test(target) || !target.startsWith("src/"))
    expect(offenders(leaves)).toEqual([])
  })

  it("of the library name files by their whole name", () => {
    expect(offenders(({ target }) => target !== undefined && !target.endsWith(".ts"))).toEqual([])
  })

  it("of the index and of testing are made only by those who use the library", () => {
    const isShortcut = ({ file, target }: Import): boolean =>
      target === "src/index.ts" ||
      (target?.startsWith("src/testing/") === true && !file.startsWith("src/testing/"))
    expect(offenders(isShortcut)).toEqual([])
  })
})
