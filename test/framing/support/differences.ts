/** Where we differ from other projects on purpose, each with its reason. */
import { type FramingCase, fromHex, type Outcome } from "./cases.ts"
import { type Dial, referenceOf } from "./dials.ts"

/** Our answer to a case, if the reason is one for it. */
type Answer = (fact: FramingCase, dial: Dial) => ReadonlyArray<Outcome> | undefined

export interface Difference {
  readonly reason: string
  readonly ours: Answer
}

export const inputOf = ({ chunks }: FramingCase): Uint8Array => fromHex(chunks.join(""))

/** What our rules say, plainly written down, for the cases that the predicate is true of. */
const byReference =
  (applies: (fact: FramingCase, dial: Dial) => boolean): Answer =>
  (fact, dial) =>
    applies(fact, dial) ? referenceOf(dial, inputOf(fact), fact.eof) : undefined

const isError = (outcome: Outcome | undefined, ...kinds: ReadonlyArray<string>): boolean =>
  outcome !== undefined && "error" in outcome && (kinds.length === 0 || kinds.includes(outcome.error))

const has = ({ expect }: FramingCase, kind: string): boolean =>
  expect.some((outcome) => isError(outcome, kind))

const replaced = ({ expect }: FramingCase, kind: string, by: string): ReadonlyArray<Outcome> =>
  expect.map((outcome) => (isError(outcome, kind) ? { error: by } : outcome))

const invalid: ReadonlyArray<Outcome> = [{ error: "InvalidConfig" }]

const widthOf = ({ params }: FramingCase): unknown => params.lengthFieldLength ?? params.fieldLength

/** Single cases, by their ids. */
export const onPurpose: Readonly<Record<string, Difference>> = {
  "netty-line-max-crlf-split": {
    reason: "a line of exactly the maximum is allowed, wherever its CRLF is cut",
    ours: byReference(() => true)
  },
  "netty-dl-partial-counts": {
    reason: "the front of a delimiter does not count as payload",
    ours: byReference(() => true)
  }
}

/** What may differ in any case, for a reason that the case itself shows. */
export const differences: ReadonlyArray<Difference> = [
  {
    reason:
      "upstream the answer depends on the cut, or the process exits (an empty line to chitchat); ours never",
    ours: byReference(
      ({ tags = [] }) =>
        tags.includes("chunk-dependent") || tags.includes("divergence") || tags.includes("upstream-crash")
    )
  },
  {
    reason: "corruption is final: after it nobody knows where the next frame begins",
    ours: ({ expect }) => {
      const at = expect.findIndex((outcome) => isError(outcome, "FrameCorrupted"))
      return at >= 0 && at < expect.length - 1 ? expect.slice(0, at + 1) : undefined
    }
  },
  {
    reason:
      "a maximum that leaves no byte of payload is refused as an option, and so is one below what is stripped",
    ours: (_, dial) => {
      const { problems } = dial.framing(dial.end)
      const ofMaximum = problems.every(({ path }) => path === "maxLength" || path === "strip")
      return problems.length > 0 && ofMaximum ? invalid : undefined
    }
  },
  {
    reason: "a length has 1, 2, 3, 4, 6 or 8 bytes; others have 5 and 7, or neither 6 nor 8",
    ours: (fact, dial) => {
      const width = widthOf(fact)
      if (width === 5 || width === 7) return invalid
      const refused = has(fact, "InvalidConfig") || has(fact, "UnsupportedLengthField")
      return refused && (width === 6 || width === 8) ? referenceOf(dial, inputOf(fact), fact.eof) : undefined
    }
  },
  {
    reason: "the front of a terminator does not count as payload, wherever it is cut",
    ours: byReference(
      (fact) =>
        fact.dialect === "netty" &&
        ["line", "delimiter"].includes(fact.decoder) &&
        (has(fact, "FrameTooLong") || fact.params.failFast === false)
    )
  },
  {
    reason: "a length of 8 bytes with the highest bit set is corrupt, not long",
    ours: (fact) =>
      widthOf(fact) === 8 && has(fact, "FrameTooLong")
        ? replaced(fact, "FrameTooLong", "FrameCorrupted")
        : undefined
  },
  {
    reason:
      "a length of 2^53 or more is too long at once and ends the decoder; netty waits to see the end of it",
    ours: byReference((fact) => widthOf(fact) === 8 && fact.params.failFast === false)
  },
  {
    reason: "a length of 4 bytes has no sign: with the highest bit set it is long, not negative",
    ours: (fact) =>
      fact.dialect === "pekko" && has(fact, "FrameCorrupted")
        ? replaced(fact, "FrameCorrupted", "FrameTooLong")
        : undefined
  },
  {
    reason: "a length that cannot be is refused; gnet waits for its bytes",
    ours: byReference(({ dialect, decoder }) => dialect === "gnet1" && decoder === "length-field")
  },
  {
    reason:
      "an input that ends right behind a header is cut off like any other; tokio has forgotten the header",
    ours: byReference(
      ({ dialect, decoder, eof, expect }) =>
        dialect === "tokio" && decoder === "length-field" && eof && !isError(expect.at(-1))
    )
  },
  {
    reason: "a frame does not end within its own header, as it may with tokio's num_skip",
    ours: byReference(({ dialect, params }) => dialect === "tokio" && typeof params.numSkip === "number")
  },
  {
    reason:
      "a varint of 32 bits is read to its fifth byte, which has three of them; netty may fail at the fourth",
    ours: byReference((fact) => fact.decoder === "varint32" && /(?:[89a-f].){4}/.test(fact.chunks.join("")))
  },
  {
    reason: "the frames before one that is too long are handed over; pekko forgets those of the same chunk",
    ours: byReference((fact) => fact.dialect === "pekko" && has(fact, "FrameTooLong"))
  },
  {
    reason:
      "what cannot be the front of a delimiter counts at once, and at the end what was none does; pekko looks later",
    ours: byReference(({ decoder, dialect, eof }) => dialect === "pekko" && decoder === "delimiter" && eof)
  },
  {
    reason: "a payload that the peer would cut elsewhere is refused, not written",
    ours: ({ chunks, expect, op }, dial) => {
      if (op !== "encode") return undefined
      const framing = dial.framing("fail")
      return chunks.map((chunk, i) => {
        const wire = expect[i]
        const frames: Array<Uint8Array> = []
        if (wire === undefined || !("frame" in wire)) return wire ?? { error: "none" }
        framing.makeDecoder().push(fromHex(wire.frame), frames)
        const back = frames.map((frame) => Buffer.from(frame).toString("hex"))
        return back.length === 1 && back[0] === chunk ? wire : { error: "DelimiterInPayload" }
      })
    }
  },
  {
    reason: "the maximum is of a JSON value; netty counts all that it holds, and throws all of it away",
    ours: byReference(
      (fact) =>
        fact.decoder === "json-object" &&
        (has(fact, "FrameTooLong") || inputOf(fact).length > Number(fact.params.maxObjectLength))
    )
  },
  {
    reason: "elements of a JSON array are values with a comma between; an empty array has none",
    ours: byReference(
      ({ decoder, params }) => decoder === "json-object" && params.streamArrayElements === true
    )
  },
  {
    reason: "whitespace between JSON values is that of RFC 8259",
    ours: byReference(
      ({ chunks, decoder }) => decoder === "json-object" && /(?:^|..)*?(?:0b|0c|1[c-f])/.test(chunks.join(""))
    )
  },
  {
    reason: "a byte order mark does not count",
    ours: byReference(
      ({ chunks, decoder, params }) =>
        decoder === "ndjson" && params.maxLineBytes !== null && chunks.join("").startsWith("efbbbf")
    )
  }
]
