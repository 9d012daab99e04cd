/** A response, whole: its length is in its head (RFC 9112, section 6). */
import { STATUS_CODES } from "node:http"
import { type ByteWriter, SluiceError } from "effect-sluice"
import { dateLine } from "./date.ts"

/** What a server says: to a request, or to a client that waits before it sends a body. */
export type Reply = Answer | Continue

/** The response to a request, with what the request has to say about it. */
export interface Answer {
  readonly _tag: "Answer"
  readonly response: Response
  /** Without its body, as for HEAD. */
  readonly headOnly: boolean
  /** A field of its own, or nothing. `close` says that nothing comes behind it. */
  readonly connection: "" | "close" | "keep-alive"
}

/** 100 (Continue): send the body (RFC 9110, section 15.2.1). */
export interface Continue {
  readonly _tag: "Continue"
}

/** Name and value of each field. `Date`, `Content-Length` and `Connection` come by themselves. */
export type Fields = Readonly<Record<string, string>>

/** One that is made once and sent often is written with a single copy. */
export class Response {
  readonly status: number
  readonly fields: Fields
  readonly body: Uint8Array
  private start: Uint8Array | undefined
  /** All of it, as it is in the second that its date says; made when that second sees it again. */
  private whole: Uint8Array | undefined
  private date: Uint8Array | undefined

  constructor(status: number, fields: Fields, body: Uint8Array) {
    this.status = status
    this.fields = fields
    this.body = body
  }

  /** Appends it, or says what is wrong with its fields. */
  write({ connection, headOnly }: Answer, out: ByteWriter.ByteWriter): SluiceError.CodecError | undefined {
    const date = dateLine()
    const plain = connection === "" && !headOnly
    if (plain && this.whole !== undefined && this.date === date) {
      out.writeBytes(this.whole)
      return undefined
    }
    if (this.start === undefined) {
      const start = startOf(this)
      if (start instanceof SluiceError.CodecError) return start
      this.start = start
    }
    const from = out.length
    out.writeBytes(this.start)
    out.writeBytes(date)
    out.writeBytes(endOf[connection])
    if (!headOnly && hasBody(this.status)) out.writeBytes(this.body)
    if (plain && this.body.length <= longestKept) {
      this.whole = this.date === date ? out.view().slice(from) : undefined
      this.date = date
    }
    return undefined
  }
}

const longestKept = 16_384

const endOf = {
  "": Buffer.from("\r\n"),
  close: Buffer.from("Connection: close\r\n\r\n"),
  "keep-alive": Buffer.from("Connection: keep-alive\r\n\r\n")
}

/** The status line and the response's own fields, or what cannot be said. */
const startOf = ({ body, fields, status }: Response): Uint8Array | SluiceError.CodecError => {
  // Another one is no answer to a request, or none at all.
  if (!Number.isInteger(status) || status < 200 || status > 599)
    return wrong("status", "is none of an answer")
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`
  for (const [name, value] of Object.entries(fields)) {
    // What a handler passes on from elsewhere must not begin a line of its own.
    const isField = /^[\w!#$%&'*+\-.^`|~]+$/.test(name) && /^[\t -~\x80-\xff]*$/.test(value)
    if (!isField) return wrong(`fields.${name}`, "is no field of HTTP")
    if (ours.test(name)) return wrong(`fields.${name}`, "comes by itself")
    text += `${name}: ${value}\r\n`
  }
  if (hasBody(status)) text += `Content-Length: ${body.length}\r\n`
  return Buffer.from(text, "latin1")
}

const ours = /^(?:connection|content-length|date|transfer-encoding)$/i

/** These two never have one (RFC 9110, section 6.4.1). */
const hasBody = (status: number): boolean => status !== 204 && status !== 304

const wrong = (path: string, message: string): SluiceError.CodecError =>
  new SluiceError.CodecError({ codec: "response", issues: [{ path, message }] })

const noBody = new Uint8Array(0)

export const text = (body: string, status = 200, fields: Fields = {}): Response =>
  new Response(status, { "Content-Type": "text/plain; charset=utf-8", ...fields }, Buffer.from(body))

export const json = (value: unknown, status = 200, fields: Fields = {}): Response =>
  new Response(status, { "Content-Type": "application/json", ...fields }, Buffer.from(JSON.stringify(value)))

export const bytes = (body: Uint8Array, status = 200, fields: Fields = {}): Response =>
  new Response(status, { "Content-Type": "application/octet-stream", ...fields }, body)

export const empty = (status: number, fields: Fields = {}): Response => new Response(status, fields, noBody)
