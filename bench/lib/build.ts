/** Bundles servers and load client to plain JavaScript, so that no loader stands between Node and what is measured. */
import { existsSync, readdirSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../../", import.meta.url))

/** What is to be built. */
export interface BuildOptions {
  /** Files in `servers`. */
  readonly servers: Iterable<string>
  /** The library to measure, a `src` directory. Default: ours. */
  readonly source?: string | undefined
  /** Another one to compare with; its servers go into the directory `against`. */
  readonly against?: string | undefined
}

/**
 * Builds into a directory of its own below `node_modules`, where packages resolve as they do for a user, and returns
 * it. Packages stay outside of the bundles, for all servers alike.
 */
export const buildAll = async ({ against, servers, source }: BuildOptions): Promise<string> => {
  const cache = `${root}node_modules/.cache/effect-sluice-bench`
  removeLeftovers(cache)
  const outdir = `${cache}/${process.pid}`
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }))
  const files = [...servers].map((name) => `${root}bench/servers/${name}.ts`)
  await bundle([`${root}bench/load.ts`, ...files], outdir, source ?? `${root}src`)
  if (against !== undefined) await bundle(files, `${outdir}/against`, against)
  return outdir
}

const bundle = (entryPoints: Array<string>, outdir: string, source: string) =>
  build({
    entryPoints,
    outdir,
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: true,
    logLevel: "error",
    alias: { "effect-sluice": resolve(source, "index.ts") },
    external: ["effect", "effect/*", "@effect/*", "msgpackr"]
  })

/** What runs that were killed have left. */
const removeLeftovers = (cache: string): void => {
  if (!existsSync(cache)) return
  for (const pid of readdirSync(cache)) {
    if (!existsSync(`/proc/${pid}`)) rmSync(`${cache}/${pid}`, { recursive: true, force: true })
  }
}
