/** Bundles servers and load client to plain JavaScript, so that no loader stands between Node and what is measured. */
import { existsSync, readdirSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../../", import.meta.url))

/**
 * Builds into a directory of its own below `node_modules`, where packages resolve as they do for a user, and returns
 * it. Packages stay outside of the bundles, for all servers alike. `source` is the library to measure.
 */
export const buildAll = async (servers: Iterable<string>, source = `${root}src`): Promise<string> => {
  const cache = `${root}node_modules/.cache/effect-sluice-bench`
  removeLeftovers(cache)
  const outdir = `${cache}/${process.pid}`
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }))
  await build({
    entryPoints: [`${root}bench/load.ts`, ...[...servers].map((name) => `${root}bench/servers/${name}.ts`)],
    outdir,
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: true,
    logLevel: "error",
    alias: { "effect-sluice": `${source}/index.ts` },
    external: ["effect", "effect/*", "@effect/*", "msgpackr"]
  })
  return outdir
}

/** What runs that were killed have left. */
const removeLeftovers = (cache: string): void => {
  if (!existsSync(cache)) return
  for (const pid of readdirSync(cache)) {
    if (!existsSync(`/proc/${pid}`)) rmSync(`${cache}/${pid}`, { recursive: true, force: true })
  }
}
