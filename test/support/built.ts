/** Programs that tests start, as plain JavaScript: most of such a test would be the loader of its processes. */
import { randomUUID } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { fileURLToPath } from "node:url"
import { buildSync } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))
const directory = Path.join(root, "node_modules/.cache/effect-sluice-programs")

const built = new Map<string, string>()

/** A program in TypeScript as one file of JavaScript that `node` runs; built once for a test file. */
export const builtProgram = (program: URL): string => {
  const before = built.get(program.href)
  if (before !== undefined) return before
  const source = fileURLToPath(program)
  const name = Path.relative(root, source).replaceAll(Path.sep, "-").replace(/\.ts$/, ".mjs")
  const outfile = Path.join(directory, name)
  // Another test file may build the same one meanwhile: whoever starts it finds either, and a whole one.
  const mine = `${outfile}.${randomUUID()}`
  const { outputFiles } = buildSync({
    entryPoints: [source],
    outfile,
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "inline",
    logLevel: "error",
    // Packages with parts that are no JavaScript, or that are loaded only where they are needed.
    external: ["msgpackr", "piscina", "ws"],
    // Packages of the older kind ask for Node's own modules by `require`.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
    }
  })
  Fs.mkdirSync(directory, { recursive: true })
  for (const { contents } of outputFiles) Fs.writeFileSync(mine, contents)
  Fs.renameSync(mine, outfile)
  built.set(program.href, outfile)
  return outfile
}
