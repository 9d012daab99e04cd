/** From the options of other projects' JSON framings to ours. */
import * as Framing from "../../../src/Framing.ts"
import { decodeUtf8 } from "../../../src/internal/bytes.ts"
import { toHex } from "./cases.ts"
import type { Dial } from "./dials.ts"
import { referenceJson, referenceNdjson } from "./jsonReference.ts"
import { asHex, type Reading } from "./observe.ts"
import { field, isBoolean, limit, number, type Params } from "./params.ts"

const nettyJson = (params: Params): Dial => {
  const options = {
    maxLength: number(params, "maxObjectLength"),
    elements: field(params, "streamArrayElements", isBoolean)
  }
  return {
    framing: (end) => Framing.json({ ...options, oversize: "skip", end }),
    end: "drop",
    read: asHex,
    reference: (input, eof) => referenceJson(input, eof, { ...options, skip: true, end: "drop" })
  }
}

const lines = (emptyLines: "skip" | "keep", maxLength: number, more: Pick<Dial, "read" | "stops">): Dial => ({
  framing: (end) => Framing.ndjson({ emptyLines, maxLength, end }),
  end: "emit",
  reference: (input, eof) =>
    referenceNdjson(input, eof, { keepEmpty: emptyLines === "keep", maxLength, skip: false, end: "emit" }),
  ...more
})

/** Effect parses each line, and gives up at the first that it cannot. */
const parsed: Reading = (frame) => {
  const text = decodeUtf8(frame)
  if (text === undefined) return { error: "InvalidUtf8" }
  try {
    JSON.parse(text)
  } catch {
    return { error: "InvalidJson" }
  }
  return { frame: toHex(frame) }
}

const effectNdjson = (params: Params): Dial =>
  lines(field(params, "ignoreEmptyLines", isBoolean) ? "skip" : "keep", limit(params, "maxLineBytes"), {
    read: parsed,
    stops: true
  })

/** The same ends of lines, without JSON in them. */
const effectLines = (params: Params): Dial => lines("keep", limit(params, "maxLineBytes"), { read: asHex })

export const jsonDials: Readonly<Record<string, (params: Params) => Dial>> = {
  "json-object netty JsonObjectDecoder decode": nettyJson,
  "ndjson effect-4.1 Ndjson.decode decode": effectNdjson,
  "split-lines effect-4.1 Stream.splitLines decode": effectLines
}
