/** JSON objects and arrays one behind the other, with nothing or whitespace between them. */
import type { ByteWriter } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import {
  FrameCorrupted,
  type FrameError,
  FrameTruncated,
  type PayloadError,
  PayloadMalformed,
  PayloadTooLong
} from "../../SluiceError.ts"
import { viewOf } from "./accumulator.ts"
import {
  closeArray,
  closeObject,
  comma,
  JsonScanner,
  openArray,
  openObject,
  skipWhitespace
} from "./jsonScanner.ts"
import { type JsonPolicy, JsonValueDecoder } from "./jsonValueDecoder.ts"
import {
  defaultMaxLength,
  type EndPolicy,
  noProblems,
  OptionChecks,
  type OversizePolicy,
  refusedFraming
} from "./options.ts"

/**
 * Options of `json`.
 *
 * @category options
 * @since 0.1.0
 */
export interface JsonOptions {
  /** The most bytes of a value, from its first to its last. Default 1 MiB. */
  readonly maxLength?: number
  /** Default `fail`. `skip` goes on behind the value that is too long. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
  /** Whether each element of an array is a frame of its own, however many there are. Default false. */
  readonly elements?: boolean
}

export const jsonFraming = (options: JsonOptions): Framing => {
  const { maxLength = defaultMaxLength, oversize = "fail", end = "fail", elements = false } = options
  const withMaxLength = (maxLength: number): Framing => jsonFraming({ ...options, maxLength })
  const checks = new OptionChecks()
  checks.integer("maxLength", maxLength, 1)
  checks.oversize(oversize)
  checks.end(end)
  if (checks.problems.length > 0) return refusedFraming("json", maxLength, checks.problems, withMaxLength)
  const policy = { maxLength, skip: oversize === "skip", end }
  const encoder = new JsonEncoder(maxLength, elements)
  return {
    name: "json",
    maxLength,
    problems: noProblems,
    makeDecoder: () => new JsonDecoder(policy, elements),
    encode: (payload, out) => encoder.encode(payload, out),
    withMaxLength
  }
}

/** What may come where no value has begun. */
type Place = "value" | "firstElement" | "element" | "afterElement"

class JsonDecoder extends JsonValueDecoder {
  private readonly elements: boolean
  private place: Place = "value"
  /** Whether a value has begun. */
  private inside = false

  constructor(policy: JsonPolicy, elements: boolean) {
    super(policy)
    this.elements = elements
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    const { length } = chunk
    for (let at = 0; this.failure === undefined && at < length; ) {
      if (!this.inside) {
        at = this.begin(chunk, at)
        if (!this.inside) break
      }
      const end = this.scanner.scan(chunk, at, length)
      const to = end < 0 ? length : end
      this.inside = end < 0
      this.take(chunk, at, to, end >= 0, frames)
      at = to
    }
    return this.failure
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const { end } = this.policy
    if (end === "fail" && (this.inside || this.place !== "value")) {
      return this.fail(new FrameTruncated({ pending: this.lost + this.held }))
    }
    if (end === "emit" && this.held > 0) frames.push(viewOf(this.buffer, 0, this.held))
    this.inside = false
    this.place = "value"
    this.restart()
    return undefined
  }

  /** Finds the first byte of the next value, from `from` on. */
  private begin(chunk: Uint8Array, from: number): number {
    const { length } = chunk
    let at = skipWhitespace(chunk, from, length)
    while (at < length) {
      const byte = chunk[at]!
      if (this.place === "value") {
        if (byte !== openObject && byte !== openArray) return this.wrong(at, byte, "an object or an array")
        if (byte === openObject || !this.elements) return this.enter(at)
        this.place = "firstElement"
      } else if (this.place === "afterElement") {
        if (byte === closeArray) this.place = "value"
        else if (byte === comma) this.place = "element"
        else return this.wrong(at, byte, "a comma or the end of the array")
      } else if (byte === closeArray && this.place === "firstElement") {
        this.place = "value"
      } else if (byte === closeArray || byte === closeObject || byte === comma) {
        return this.wrong(at, byte, "an element")
      } else {
        this.place = "afterElement"
        return this.enter(at)
      }
      at = skipWhitespace(chunk, at + 1, length)
    }
    return at
  }

  private enter(at: number): number {
    this.inside = true
    return at
  }

  private wrong(at: number, byte: number, wanted: string): number {
    const seen =
      byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `0x${byte.toString(16).padStart(2, "0")}`
    this.fail(new FrameCorrupted({ detail: `${wanted} should stand where ${seen} does` }))
    return at
  }
}

class JsonEncoder {
  private readonly maxLength: number
  private readonly elements: boolean
  private readonly scanner = new JsonScanner()

  constructor(maxLength: number, elements: boolean) {
    this.maxLength = maxLength
    this.elements = elements
  }

  encode(payload: Uint8Array, out: ByteWriter): PayloadError | undefined {
    const { elements, maxLength, scanner } = this
    const { length } = payload
    if (length > maxLength) return new PayloadTooLong({ limit: maxLength, seen: length })
    const first = payload[0]
    if (first !== openObject && (first !== openArray || elements)) {
      return new PayloadMalformed({ detail: elements ? "it is no object" : "it is neither object nor array" })
    }
    scanner.reset()
    const end = scanner.scan(payload, 0, length)
    if (end < 0) return new PayloadMalformed({ detail: "it is not closed" })
    if (end < length) return new PayloadMalformed({ detail: `it ends before byte ${end}` })
    out.writeBytes(payload)
    return undefined
  }
}
