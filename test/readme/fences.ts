/**
 * The examples in the documentation: every fence marked `ts` in README.md, docs and doc comments of the library.
 *
 * A comment above a fence in Markdown names it, and tells how it is tried out:
 *
 *     <!-- example: server.ts send="hello\n" expect="hello\n" -->
 *
 * An example with a name can be imported by the other examples of the same document (`./server.ts`). One with `send`
 * and `expect` is run: it shall listen on the port that `PORT` names or on the one that it has as `port: 7000`; the
 * bytes of `send` are sent, and those of `expect` shall come.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"

export interface Example {
  /** The document, by its path from the root of the project. */
  readonly document: string
  /** The line of the first line of code, counted from 1. */
  readonly line: number
  readonly name: string | undefined
  readonly code: string
  readonly send: string | undefined
  readonly expect: string | undefined
}

/** Where an example stands as a file: under its name, or its line. */
export const fileOf = ({ document, line, name }: Example): string =>
  `${document.replaceAll(".", "_")}/${name ?? `line${line}.ts`}`

/** The example as a file whose lines have the numbers that they have in the document. */
export const textOf = ({ code, line }: Example): string => "\n".repeat(line - 1) + code

/** The examples of a text: in Markdown, or in the doc comments of a module. */
export const examplesOf = (document: string, text: string): ReadonlyArray<Example> => {
  const inComments = document.endsWith(".ts")
  const lines = text.split("\n").map((line) => (inComments ? (/^\s*\* ?(.*)$/.exec(line)?.[1] ?? "") : line))
  const examples: Array<Example> = []
  let attributes: string | undefined
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ""
    const comment = /^\s*<!--\s*example:\s*(.*?)\s*-->\s*$/.exec(line)?.[1]
    const [, indent = "", fence, language = ""] = /^(\s*)(`{3,}|~{3,})\s*([\w-]*)/.exec(line) ?? []
    if (comment !== undefined) attributes = comment
    if (fence !== undefined) {
      const end = lines.findIndex((other, at) => at > index && other.trim() === fence)
      if (end < 0) throw new Error(`${document}:${index + 1}: the fence has no end`)
      if (/^(ts|typescript)$/.test(language)) {
        const code = lines.slice(index + 1, end).map((text) => text.replace(new RegExp(`^${indent}`), ""))
        examples.push({ document, line: index + 2, code: code.join("\n"), ...attributesOf(attributes) })
      } else if (attributes !== undefined) {
        throw new Error(`${document}:${index + 1}: an example must be marked ts`)
      }
      index = end
    }
    if (comment === undefined && line.trim() !== "") attributes = undefined
  }
  return examples
}

const attributesOf = (text = "") => {
  const quoted = (name: string): string | undefined => {
    const literal = new RegExp(`\\b${name}=("(?:\\\\.|[^"\\\\])*")`).exec(text)?.[1]
    return literal === undefined ? undefined : JSON.parse(literal)
  }
  return { name: /^[\w-]+\.ts\b/.exec(text)?.[0], send: quoted("send"), expect: quoted("expect") }
}

/** All examples of the project. */
export const allExamples = (root: string): ReadonlyArray<Example> =>
  ["README.md", ...filesIn(root, "docs", ".md"), ...filesIn(root, "src", ".ts")].flatMap((document) =>
    examplesOf(document, readFileSync(join(root, document), "utf8"))
  )

const filesIn = (root: string, folder: string, extension: string): ReadonlyArray<string> =>
  !existsSync(join(root, folder))
    ? []
    : readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
        .filter((name) => name.endsWith(extension))
        .sort()
