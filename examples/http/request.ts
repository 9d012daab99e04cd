/** A request, whole. */

import type { Head } from "./head.ts"
import { latin1, withoutSpace } from "./syntax.ts"

/** What a client says: a request, or before one whose body it holds back, that it would like to hear first. */
export type Message = Request | Expectation

/** The head of a request has come with `Expect: 100-continue` (RFC 9110, section 10.1.1), and may be served. */
export interface Expectation {
  readonly _tag: "Expectation"
}

export const expectation: Expectation = { _tag: "Expectation" }

/** Its head is kept as one text, of which the parts are taken when somebody asks for them. */
export class Request {
  readonly _tag = "Request"
  readonly method: string
  /** As the client wrote it: `/path?query`, a whole URL, or `*`. */
  readonly target: string
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  readonly minor: number
  /** Whether the connection ends behind the answer. */
  readonly last: boolean
  /** Empty where there was none. It may be a view into what was read at once (64 KiB at most). */
  body: Uint8Array = noBody
  private readonly head: string
  private fields: ReadonlyMap<string, string> | undefined

  constructor(bytes: Uint8Array, start: number, end: number, { first, meaning }: Head) {
    const text = latin1(bytes, start, end)
    this.head = text
    const { methodEnd, minor, targetEnd } = first
    this.method = text.slice(0, methodEnd)
    this.target = text.slice(methodEnd + 1, targetEnd)
    this.minor = minor
    this.last = meaning.close || (minor === 0 && !meaning.keepAlive)
  }

  /** The target without its query, and without scheme and host where it is a whole URL. */
  get path(): string {
    const path = this.pathAndQuery
    const query = path.indexOf("?")
    return query < 0 ? path : path.slice(0, query)
  }

  get query(): URLSearchParams {
    const path = this.pathAndQuery
    const query = path.indexOf("?")
    return new URLSearchParams(query < 0 ? "" : path.slice(query + 1))
  }

  /** The fields, by name in small letters. Those that came more than once are joined by commas (RFC 9110, section 5.3). */
  get headers(): ReadonlyMap<string, string> {
    this.fields ??= readFields(this.head)
    return this.fields
  }

  /** The body as UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.body)
  }

  private get pathAndQuery(): string {
    const { target } = this
    if (target.charCodeAt(0) === 0x2f || target === "*") return target
    const rest = target.slice(target.indexOf("//") + 2).replace(/^[^/?]*/, "")
    return rest.startsWith("/") ? rest : `/${rest}`
  }
}

const noBody = new Uint8Array(0)

/** The lines have been looked at when they were read. */
const readFields = (head: string): ReadonlyMap<string, string> => {
  const fields = new Map<string, string>()
  for (const line of head.split("\r\n").slice(1, -2)) {
    const colon = line.indexOf(":")
    const name = line.slice(0, colon).toLowerCase()
    const value = withoutSpace(line.slice(colon + 1))
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return fields
}
