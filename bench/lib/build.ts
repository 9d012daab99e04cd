/** Bundles servers and load client to plain JavaScript, so that no loader stands between Node and what is measured. */
import { existsSync, readdirSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import type { Variant } from "../variants.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const packages = `${root}bench/node_modules`

/** Whether the package that a variant needs is there. */
export const isInstalled = ({ needs }: Variant): boolean =>
  needs === undefined || existsSync(`${packages}/${needs}/package.json`)

/** What is to be built. */
export interface BuildOptions {
  readonly variants: ReadonlyArray<Variant>
  /** The library to measure, a `src` directory. Default: ours. */
  readonly source?: string | undefined
  /** Another one to compare with. */
  readonly against?: string | undefined
}

/** Where the built files are. */
export interface Built {
  readonly load: string
  readonly server: (variant: Variant) => string
  /** The client that a variant brings along. */
  readonly client: (variant: Variant) => string | undefined
}

/**
 * Builds into directories of its own below `node_modules`, where packages resolve as they do for a user. Packages stay
 * outside of the bundles, for all servers alike.
 */
export const buildAll = async ({ against, source, variants }: BuildOptions): Promise<Built> => {
  const own = variants.filter(({ needs }) => needs === undefined)
  const others = variants.filter(({ needs }) => needs !== undefined)
  const outdir = cacheIn(`${root}node_modules`)
  const servers = files(
    "servers",
    own.map(({ server }) => server)
  )
  await bundle([`${root}bench/load.ts`, ...servers], outdir, source ?? `${root}src`)
  if (against !== undefined) await bundle(servers, `${outdir}/against`, against)
  let outdirOfOthers = ""
  if (others.length > 0) {
    outdirOfOthers = cacheIn(packages)
    const names = others.flatMap(({ client, server }) => (client === undefined ? [server] : [server, client]))
    await bundle(files("competitors", names), outdirOfOthers, source ?? `${root}src`)
  }
  return {
    load: `${outdir}/load.mjs`,
    server: ({ against, needs, server }) =>
      `${needs === undefined ? outdir : outdirOfOthers}/${against === true ? "against/" : ""}${server}.mjs`,
    client: ({ client }) => (client === undefined ? undefined : `${outdirOfOthers}/${client}.mjs`)
  }
}

const files = (folder: string, names: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(names)].map((name) => `${root}bench/${folder}/${name}.ts`)

const bundle = (entryPoints: ReadonlyArray<string>, outdir: string, source: string) =>
  build({
    entryPoints: [...entryPoints],
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
    packages: "external"
  })

/** A directory for this run; what runs that were killed have left goes. */
const cacheIn = (nodeModules: string): string => {
  const cache = `${nodeModules}/.cache/effect-sluice-bench`
  if (existsSync(cache)) {
    for (const pid of readdirSync(cache)) {
      if (!existsSync(`/proc/${pid}`)) rmSync(`${cache}/${pid}`, { recursive: true, force: true })
    }
  }
  const own = `${cache}/${process.pid}`
  process.on("exit", () => rmSync(own, { recursive: true, force: true }))
  return own
}
