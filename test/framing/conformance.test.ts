/** The answers of other projects, by their options. Every fixture file named framing-cases*.json is run. */
import { assert, describe, it } from "@effect/vitest"
import { caseFiles, type FramingCase, fromHex, type Outcome } from "./support/cases.ts"
import { type Dial, dialOf, referenceOf } from "./support/dials.ts"
import { cuts, observe, observeCut, observeEncode, withoutPlaces } from "./support/observe.ts"

/** Families of decoders that the framings do not cover. */
const outOfScope = ["proxy-protocol", "crc-length", "ws-length", "length-hash-json"]

/** Cases where we differ on purpose; `reference` stands for what our rules say, plainly written down. */
const onPurpose: ReadonlyArray<{
  readonly id: string
  readonly reason: string
  readonly ours: ReadonlyArray<Outcome> | "reference"
}> = [
  {
    id: "netty-line-max-crlf-split",
    reason: "a line of exactly the maximum is allowed, wherever its CRLF is cut",
    ours: "reference"
  },
  {
    id: "netty-dl-partial-counts",
    reason: "the front of a delimiter does not count as payload",
    ours: "reference"
  }
]

/** What may differ in any case, for a reason that the case itself shows. */
const rules: ReadonlyArray<{
  readonly reason: string
  readonly ours: (fact: FramingCase, dial: Dial) => ReadonlyArray<Outcome> | undefined
}> = [
  {
    reason:
      "upstream the answer depends on the cut, or the process exits (an empty line to chitchat); ours never",
    ours: (fact, dial) =>
      fact.tags?.some((tag) => ["chunk-dependent", "divergence", "upstream-crash"].includes(tag))
        ? referenceOf(dial, inputOf(fact), fact.eof)
        : undefined
  },
  {
    reason: "corruption is final: after it nobody knows where the next frame begins",
    ours: ({ expect }) => {
      const at = expect.findIndex((outcome) => "error" in outcome && outcome.error === "FrameCorrupted")
      return at >= 0 && at < expect.length - 1 ? expect.slice(0, at + 1) : undefined
    }
  },
  {
    reason: "a length of 8 bytes with the highest bit set is corrupt, not long",
    ours: ({ expect, params }) =>
      params.lengthFieldLength === 8 && expect.some((o) => "error" in o && o.error === "FrameTooLong")
        ? expect.map((o) => ("error" in o && o.error === "FrameTooLong" ? { error: "FrameCorrupted" } : o))
        : undefined
  }
]

const inputOf = ({ chunks }: FramingCase): Uint8Array => fromHex(chunks.join(""))

/** The cases' word for every refusal of options is one to us. */
const expected = ({ expect }: FramingCase): ReadonlyArray<Outcome> =>
  expect.map((outcome) =>
    "error" in outcome && outcome.error === "UnsupportedLengthField" ? { error: "InvalidConfig" } : outcome
  )

const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const decode = (fact: FramingCase, dial: Dial): ReadonlyArray<Outcome> => {
  const input = inputOf(fact)
  const all = observe(dial.framing(dial.end), input, fact.eof, dial.read)
  const outcomes = dial.stops === true ? upToError(all) : all
  return dial.reportsAtEnd && stopsInside(dial, input) ? outcomes.slice(0, -1) : outcomes
}

const upToError = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Outcome> => {
  const at = outcomes.findIndex((outcome) => "error" in outcome)
  return at < 0 ? outcomes : outcomes.slice(0, at + 1)
}

/** Whether the input stops inside a frame that is too long: then it is cut off, and yet nothing of it is left. */
const stopsInside = (dial: Dial, input: Uint8Array): boolean => {
  const last = observe(dial.framing("fail"), input, true).at(-1)
  const emitted =
    observe(dial.framing("emit"), input, true).length > observe(dial.framing("emit"), input, false).length
  return !emitted && last !== undefined && "error" in last && last.error === "FrameTruncated"
}

const encode = (fact: FramingCase, dial: Dial): ReadonlyArray<Outcome> => {
  const payloads = fact.chunks.map((chunk) => dial.payloads?.(fromHex(chunk)) ?? [fromHex(chunk)])
  if (payloads.length === 0) return observeEncode(dial.framing(dial.end), [])
  return payloads.map((parts) => {
    const outcomes = observeEncode(dial.framing(dial.end), parts)
    const error = outcomes.find((outcome) => "error" in outcome)
    return error ?? { frame: outcomes.map((outcome) => ("frame" in outcome ? outcome.frame : "")).join("") }
  })
}

const differences: Array<string> = []
let byDial = 0

const run = (fact: FramingCase): void => {
  const dial = dialOf(fact)
  const ours = fact.op === "decode" ? decode(fact, dial) : encode(fact, dial)
  const listed = onPurpose.find(({ id }) => id === fact.id)
  if (equal(ours, expected(fact))) {
    assert.isUndefined(listed, `${fact.id} is listed as a difference, but there is none`)
    byDial++
    return
  }
  if (listed !== undefined) {
    const answer = listed.ours === "reference" ? referenceOf(dial, inputOf(fact), fact.eof) : listed.ours
    assert.deepStrictEqual(ours, answer, fact.id)
    differences.push(`${fact.id}: ${listed.reason}`)
    return
  }
  for (const { ours: answer, reason } of rules) {
    if (equal(ours, answer(fact, dial))) {
      differences.push(`${fact.id}: ${reason}`)
      return
    }
  }
  assert.deepStrictEqual(ours, expected(fact), fact.id)
}

const recut = (fact: FramingCase): number => {
  const dial = dialOf(fact)
  const framing = dial.framing(dial.end)
  const input = inputOf(fact)
  const whole = observe(framing, input, fact.eof, dial.read)
  const answer = JSON.stringify(withoutPlaces(whole, framing, input, fact.eof))
  let count = 0
  for (const chunks of cuts(input)) {
    const cut = JSON.stringify(observeCut(framing, chunks, fact.eof, dial.read))
    assert.strictEqual(cut, answer, `${fact.id} cut after ${chunks.map(({ length }) => length)}`)
    count++
  }
  return count
}

for (const { cases, file } of caseFiles) {
  describe(file, () => {
    const inScope = cases.filter(({ decoder }) => !outOfScope.includes(decoder))
    const before = { byDial: 0, differences: 0, recuts: 0 }
    let started = false

    for (const fact of inScope) {
      it(`${fact.op} ${fact.id}`, () => {
        if (!started) {
          started = true
          before.byDial = byDial
          before.differences = differences.length
        }
        run(fact)
        if (fact.op === "decode") before.recuts += recut(fact)
      })
    }

    it("every case was run or is out of scope by name", () => {
      const passed = byDial - before.byDial
      const differing = differences.slice(before.differences)
      const out = cases.length - inScope.length
      console.log(
        `${file}: ${cases.length} cases: ${passed} by dial, ${differing.length} different on purpose, ` +
          `${out} out of scope; ${before.recuts} recuts\n${differing.join("\n")}`
      )
      assert.strictEqual(passed + differing.length + out, cases.length)
      if (file === "framing-cases.json") assert.deepStrictEqual([passed, out], [179, 21])
    })
  })
}
