/** House rules that no linter knows. */
import { posix } from "node:path"
import { describe, expect, it } from "vitest"
import { publicModules } from "../../scripts/exports.ts"
import { filesIn, importsOf, read, withoutComments, withoutCommentsAndStrings } from "./sources.ts"

const maximumLines = 400

const library = filesIn("src")
const own = filesIn("test/house")
const everything = ["src", "test", "examples", "bench", "scripts"]
  .flatMap(filesIn)
  .filter((file) => !own.includes(file))

/** The index of `testing`, and what it exports; the other files there are internal. */
const publicForTesting = [
  "src/testing/index.ts",
  ...importsOf("src/testing/index.ts").flatMap(({ target }) => target ?? [])
]

/** `file:line: text` of each line that matches. */
const linesWith = (pattern: RegExp, file: string, text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : []))

/** Exports without the doc comment that they should have, as `file:line: what is missing`. */
const undocumented = (file: string, text: string): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const seen = new Set<string>()
  const lines = text.split("\n")
  if (!/^\/\*\*[\s\S]*?\*\//.test(text)) problems.push(`${file}:1: the module has no doc comment`)
  else if (!/^\/\*\*(?:(?!\*\/)[\s\S])*@since \d/.test(text))
    problems.push(`${file}:1: the module has no @since`)
  lines.forEach((line, index) => {
    const isExport = /^export\b(?!\s*\*)/.test(line)
    if (!isExport) return
    const name = /^export (?:declare )?(?:abstract )?(?:function\*?|async function) (\w+)/.exec(line)?.[1]
    // The overloads of a function share the comment of the first.
    if (name !== undefined && seen.has(name)) return
    if (name !== undefined) seen.add(name)
    const comment = commentAbove(lines, index)
    const forwarded = /^export (?:type )?\{([^}]*)\} from "([^"]+)"/.exec(
      lines.slice(index, index + 20).join(" ")
    )
    if (comment === undefined && forwarded !== null) {
      problems.push(
        ...undocumentedOrigins(posix.join(posix.dirname(file), forwarded[2] ?? ""), forwarded[1] ?? "")
      )
      return
    }
    const missing = missingIn(comment)
    for (const what of missing) problems.push(`${file}:${index + 1}: no ${what}: ${line.trim()}`)
  })
  return problems
}

const missingIn = (comment: string | undefined): ReadonlyArray<string> =>
  comment === undefined
    ? ["doc comment"]
    : ["@category", "@since"].filter((tag) => !new RegExp(`^ \\* ${tag} \\S`, "m").test(comment))

/** What is exported from elsewhere without a comment of its own has one where it is declared. */
const undocumentedOrigins = (file: string, names: string): ReadonlyArray<string> => {
  const lines = read(file).split("\n")
  return names
    .split(",")
    .map((name) =>
      name
        .trim()
        .replace(/^type /, "")
        .replace(/ as .*/, "")
    )
    .filter((name) => name !== "")
    .flatMap((name) => {
      const declaration = new RegExp(`^export (?:interface|type|const|class|function\\*?) ${name}\\b`)
      const index = lines.findIndex((line) => declaration.test(line))
      return missingIn(commentAbove(lines, index)).map((what) => `${file}:${index + 1}: no ${what}: ${name}`)
    })
}

const commentAbove = (lines: ReadonlyArray<string>, index: number): string | undefined => {
  if (lines[index - 1]?.trim().endsWith("*/") !== true) return undefined
  const start = lines.slice(0, index).findLastIndex((line) => line.startsWith("/**"))
  return start < 0 ? undefined : lines.slice(start, index).join("\n")
}

describe("house rules", () => {
  it(`no file of the library is longer than ${maximumLines} lines`, () => {
    const length = (file: string): number => read(file).trimEnd().split("\n").length
    expect(
      library.filter((file) => length(file) > maximumLines).map((file) => `${file}: ${length(file)} lines`)
    ).toEqual([])
  })

  it("nothing is of type any", () => {
    const any = /(?:[:<|&]|\bas|=>)\s*any\b(?!\s*[(.?:])|,\s*any\s*>/
    for (const line of [
      "let x: any",
      "x as any",
      "Array<any>",
      "Map<any, y>",
      "Map<y, any>",
      "(...args: any[]) => 1"
    ]) {
      expect(line).toMatch(any)
    }
    for (const line of [
      "const any = 1",
      "Schema.any",
      "any(x)",
      "{ any: 1 }",
      "[a, any]",
      "({ any, b }) => any.c",
      "company"
    ])
      expect(line).not.toMatch(any)
    expect(everything.flatMap((file) => linesWith(any, file, withoutCommentsAndStrings(read(file))))).toEqual(
      []
    )
  })

  it("nothing is left to do", () => {
    expect(everything.flatMap((file) => linesWith(/\b(TODO|FIXME|XXX)\b/, file, read(file)))).toEqual([])
  })

  it("no test is left out, or runs alone", () => {
    const partial = /\b(?:it|test|describe|bench)(?:\.\w+)*\.(?:only|skip|todo|fails)\b/
    expect(everything.flatMap((file) => linesWith(partial, file, withoutComments(read(file))))).toEqual([])
  })

  it("no check of types or lint is switched off in the library", () => {
    const off = /@ts-(?:ignore|nocheck|expect-error)|biome-ignore-all/
    expect(library.flatMap((file) => linesWith(off, file, read(file)))).toEqual([])
  })

  it.each([...publicModules().map((name) => `src/${name}.ts`), ...publicForTesting])(
    "%s: every export has a doc comment with @category and @since",
    (file) => {
      expect(undocumented(file, read(file))).toEqual([])
    }
  )

  it("the index says what the library is", () => {
    expect(undocumented("src/index.ts", read("src/index.ts"))).toEqual([])
  })

  it("the check of doc comments finds what is missing", () => {
    const text = [
      "/** A module. */",
      "",
      "/**",
      " * Good.",
      " *",
      " * @category models",
      " * @since 0.1.0",
      " */",
      "export interface A {}",
      "",
      "/** Half. */",
      "export const b = 1",
      "",
      "export type C = A"
    ].join("\n")
    expect(undocumented("x.ts", text)).toEqual([
      "x.ts:1: the module has no @since",
      "x.ts:12: no @category: export const b = 1",
      "x.ts:12: no @since: export const b = 1",
      "x.ts:14: no doc comment: export type C = A"
    ])
  })
})
