/** The files of the project and what they import, for the tests of the house rules. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..")

/** The text of a file, by its path from the root of the project. */
export const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** The TypeScript files in a folder and below, by their paths from the root of the project, sorted. */
export const filesIn = (folder: string): ReadonlyArray<string> =>
  !existsSync(join(root, folder))
    ? []
    : readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
        .filter((name) => name.endsWith(".ts") && !name.includes("node_modules/"))
        .sort()

/** One import of a file, or an export from elsewhere. */
export interface Import {
  readonly file: string
  readonly line: number
  readonly specifier: string
  /** The file of the project that it leads to, if it is relative. */
  readonly target: string | undefined
  /** Gone in the JavaScript. */
  readonly typeOnly: boolean
}

const statement = /^(?:import|export)(\s+type\b)?(?:\s+[\w*{}\s,$]*?from)?\s*["']([^"'\n]+)["']/gm
const dynamic = /(\btypeof\s+)?\bimport\(\s*["']([^"'\n]+)["']/g

/** What a file imports: statically, dynamically, or within a type. */
export const importsOf = (file: string, text: string = read(file)): ReadonlyArray<Import> => {
  const code = withoutComments(text)
  return [...code.matchAll(statement), ...code.matchAll(dynamic)].map((match) => {
    const specifier = match[2] ?? ""
    return {
      file,
      line: code.slice(0, match.index).split("\n").length,
      specifier,
      target: specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier) : undefined,
      typeOnly: match[1] !== undefined
    }
  })
}

// A comment, a string, a template as a whole, or a regular expression where no division can stand.
const opaque =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|(?<=[=(,:[!&|?{};]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g

const spaces = (part: string): string => part.replace(/[^\n]/g, " ")

/** Spaces in place of comments; lines and columns stay. */
export const withoutComments = (text: string): string =>
  text.replace(opaque, (part) => (/^\/[/*]/.test(part) ? spaces(part) : part))

/** Spaces in place of comments, strings and regular expressions; lines and columns stay. */
export const withoutCommentsAndStrings = (text: string): string => text.replace(opaque, spaces)
