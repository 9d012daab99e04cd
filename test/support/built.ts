/** Programs that tests start, as plain JavaScript: most of such a test would be the loader of its processes. */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { buildSync } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))
const cache = Path.join(root, "node_modules/.cache")

/** Where the programs of this test file are, once there is one. */
let directory: string | undefined

const built = new Map<string, string>()

/** A program in TypeScript as one file of JavaScript that `node` runs; built once for a test file. */
export const builtProgram = (program: URL): string => {
  const before = built.get(program.href)
  if (before !== undefined) return before
  if (directory === undefined) {
    Fs.mkdirSync(cache, { recursive: true })
    const made = Fs.mkdtempSync(Path.join(cache, "sluice-program-"))
    directory = made
    process.on("exit", () => Fs.rmSync(made, { recursive: true, force: true }))
  }
  const source = fileURLToPath(program)
  const outfile = Path.join(directory, `${Path.basename(source, ".ts")}.mjs`)
  buildSync({
    entryPoints: [source],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "inline",
    logLevel: "error",
    alias: { "effect-sluice": Path.join(root, "src/index.ts") },
    // Packages with parts that are no JavaScript, or that are loaded only where they are needed.
    external: ["msgpackr", "piscina", "ws"],
    // Packages of the older kind ask for Node's own modules by `require`.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
    }
  })
  built.set(program.href, outfile)
  return outfile
}
