/** The limit for JSON: `node:net`, `JSON.parse`, a check and `JSON.stringify` by hand. */
import { serveByHand } from "../lib/netServer.ts"

interface Reading {
  readonly seq: number
  readonly kind: "reading"
  readonly value: number
  readonly note: string
}

const isReading = (value: unknown): value is Reading =>
  typeof value === "object" &&
  value !== null &&
  "seq" in value &&
  Number.isSafeInteger(value.seq) &&
  "kind" in value &&
  value.kind === "reading" &&
  "value" in value &&
  Number.isFinite(value.value) &&
  "note" in value &&
  typeof value.note === "string"

const decoder = new TextDecoder("utf-8", { fatal: true })

const decode = (frame: Uint8Array): Reading => {
  const value: unknown = JSON.parse(decoder.decode(frame))
  if (!isReading(value)) throw new Error("not a reading")
  // As a schema does: a new object with the known fields.
  return { seq: value.seq, kind: value.kind, value: value.value, note: value.note }
}

serveByHand((frame) => Buffer.from(JSON.stringify(decode(frame))))
