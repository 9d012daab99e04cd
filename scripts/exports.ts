/**
 * The `exports` of the package: the root, one entry for each public module, and nothing from `internal`.
 *
 * `npx tsx scripts/exports.ts` writes them into package.json, after a public module came or went.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = new URL("../", import.meta.url)

const entry = (path: string) => ({ types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` })

/** The public modules: every file right in `src`, by name, and without the index. */
export const publicModules = (): ReadonlyArray<string> =>
  readdirSync(new URL("src/", root))
    .filter((name) => name.endsWith(".ts") && name !== "index.ts")
    .map((name) => name.slice(0, -".ts".length))
    .sort()

/** Public modules that load what most programs do not need: they are subpaths only, and not in the root. */
const apart = ["Rpc", "TransportWebSocket"]

/** The modules of the root. */
export const rootModules = (): ReadonlyArray<string> =>
  publicModules().filter((name) => !apart.includes(name))

/** What stands under `exports` in package.json. */
export const packageExports = (): Record<string, unknown> => ({
  ".": entry("index"),
  ...Object.fromEntries(publicModules().map((name) => [`./${name}`, entry(name)])),
  "./testing": entry("testing/index"),
  "./package.json": "./package.json",
  "./internal/*": null
})

/** package.json, parsed. */
export const readManifest = (): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL("package.json", root), "utf8"))

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const file = fileURLToPath(new URL("package.json", root))
  writeFileSync(file, `${JSON.stringify({ ...readManifest(), exports: packageExports() }, null, 2)}\n`)
}
