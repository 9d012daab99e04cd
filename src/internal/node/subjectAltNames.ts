/** Subject alternative names, as Node prints them: `DNS:device-7, IP Address:127.0.0.1`. */
import type { CertificateNames } from "../../Transport.ts"

/** One name with its kind. A value that could be mistaken for more is printed as a JSON string. */
const entry = /^([^:,]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/

const unquoted = (value: string): string | undefined => {
  if (!value.startsWith('"')) return value
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === "string" ? parsed : undefined
  } catch {
    return undefined
  }
}

const kinds = new Map<string, keyof CertificateNames>([
  ["DNS", "dns"],
  ["IP Address", "ip"],
  ["URI", "uri"],
  ["email", "email"]
])

/** The names by kind. Where the text cannot be understood there are none: half a list would be believed. */
export const parseNames = (text: string | undefined): CertificateNames => {
  const names = {
    dns: [] as Array<string>,
    ip: [] as Array<string>,
    uri: [] as Array<string>,
    email: [] as Array<string>
  }
  let rest = text ?? ""
  while (rest !== "") {
    const match = entry.exec(rest)
    const value = match?.[2] === undefined ? undefined : unquoted(match[2])
    if (match === null || value === undefined) return { dns: [], ip: [], uri: [], email: [] }
    const kind = kinds.get(match[1] ?? "")
    if (kind !== undefined) names[kind].push(value)
    rest = rest.slice(match[0].length)
  }
  return names
}
