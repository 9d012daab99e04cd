/** The answers of other projects, by their options. Every fixture file named framing-cases*.json is run. */
import { assert, describe, it } from "@effect/vitest"
import { caseFiles, type FramingCase, fromHex, type Outcome } from "./support/cases.ts"
import { type Dial, dialOf, upToError } from "./support/dials.ts"
import { differences, inputOf, onPurpose } from "./support/differences.ts"
import { cuts, observe, observeCut, observeEncode, withoutPlaces } from "./support/observe.ts"

/** Families of decoders that the framings do not cover. */
const outOfScope = ["proxy-protocol", "crc-length", "ws-length", "length-hash-json"]

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

/** Whether the input stops inside a frame that is left out. */
const stopsInside = (dial: Dial, input: Uint8Array): boolean => {
  const decoder = dial.framing(dial.end).makeDecoder()
  decoder.push(input, [])
  return decoder.discarding === true
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

const differing: Array<string> = []
const reasons = new Set<string>()
let byDial = 0

const run = (fact: FramingCase): void => {
  const dial = dialOf(fact)
  const ours = fact.op === "decode" ? decode(fact, dial) : encode(fact, dial)
  const listed = onPurpose[fact.id]
  if (equal(ours, expected(fact))) {
    assert.isUndefined(listed, `${fact.id} is listed as a difference, but there is none`)
    byDial++
    return
  }
  for (const { ours: answer, reason } of listed === undefined ? differences : [listed]) {
    if (equal(ours, answer(fact, dial))) {
      differing.push(`${fact.id}: ${reason}`)
      reasons.add(reason)
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
          before.differences = differing.length
        }
        run(fact)
        if (fact.op === "decode") before.recuts += recut(fact)
      })
    }

    it("every case was run or is out of scope by name", () => {
      const passed = byDial - before.byDial
      const here = differing.slice(before.differences)
      const out = cases.length - inScope.length
      console.log(
        `${file}: ${cases.length} cases: ${passed} by dial, ${here.length} different on purpose, ` +
          `${out} out of scope; ${before.recuts} recuts\n${here.join("\n")}`
      )
      assert.strictEqual(passed + here.length + out, cases.length)
      if (file === "framing-cases.json") assert.deepStrictEqual([passed, out], [179, 21])
    })
  })
}

describe("differences", () => {
  it("have a case each", () => {
    assert.deepStrictEqual(
      differences.map(({ reason }) => reason).filter((reason) => !reasons.has(reason)),
      []
    )
  })
})
