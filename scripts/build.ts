/**
 * Compiles `src` to JavaScript, declarations and their maps: `tsx scripts/build.ts [directory]`, by default into `dist`.
 *
 * The compiler rewrites `./Module.ts` to `./Module.js` in JavaScript but leaves it as it is in declarations; they are
 * rewritten here. Both extensions have the same length, so the declaration maps stay true.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")
const outDir = resolve(process.argv[2] ?? join(root, "dist"))

rmSync(outDir, { recursive: true, force: true })
const compiler = join(root, "node_modules/typescript/bin/tsc")
const { status } = spawnSync(
  process.execPath,
  [compiler, "-p", join(root, "tsconfig.build.json"), "--outDir", outDir],
  { stdio: "inherit" }
)
if (status !== 0) process.exit(status ?? 1)

const specifier = /((?:\bfrom\s+|\bimport\s*\(?\s*)["']\.\.?\/[^"']*)\.ts(?=["'])/g

for (const name of readdirSync(outDir, { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".d.ts")) continue
  const file = join(outDir, name)
  const text = readFileSync(file, "utf8")
  const rewritten = text.replace(specifier, "$1.js")
  if (rewritten !== text) writeFileSync(file, rewritten)
}
