import { describe, expect, it } from "vitest"
import { packageExports, readManifest, rootModules } from "../../scripts/exports.ts"
import { importsOf, read } from "./sources.ts"

describe("the package", () => {
  it("exports the root, every public module and testing (else: npx tsx scripts/exports.ts)", () => {
    expect(readManifest().exports).toEqual(packageExports())
  })

  it("has every module of the root in its index", () => {
    expect(importsOf("src/index.ts").map(({ specifier }) => specifier)).toEqual(
      rootModules().map((name) => `./${name}.ts`)
    )
  })

  it("runs nothing when it is installed", () => {
    const scripts = Object.keys(readManifest().scripts ?? {})
    const onInstall = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"]
    expect(scripts.filter((name) => onInstall.includes(name))).toEqual([])
  })

  it("is locked without download addresses, and for every platform", () => {
    const lock: Lockfile = JSON.parse(read("package-lock.json"))
    const entries = Object.entries(lock.packages)
    expect(entries.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([])
    const optional = entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}))
    expect(
      optional.filter((name) => !entries.some(([path]) => path.endsWith(`node_modules/${name}`)))
    ).toEqual([])
  })
})

interface Lockfile {
  readonly packages: Record<
    string,
    { readonly resolved?: string; readonly optionalDependencies?: Record<string, string> }
  >
}
