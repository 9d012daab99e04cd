/** What the server of `examples/http` makes of good and bad bytes, however the network cuts them. */
import { describe, expect, it } from "vitest"
import { accepted, type Case, refused, unfinished } from "./cases.ts"
import { cuts, latin1, read } from "./support.ts"

const expected = ({ messages = [], refused, unfinished = false }: Case) => ({
  messages,
  refused,
  unfinished
})

describe.each([
  ["takes", accepted],
  ["waits for the rest of", unfinished],
  ["refuses", refused]
] as const)("%s", (_, cases) => {
  it.each(cases)("$name", (one) => {
    const bytes = latin1(one.bytes)
    const whole = read([bytes])
    expect(whole).toMatchObject(expected(one))
    for (const cut of cuts(bytes)) expect(read(cut)).toEqual(whole)
    // And behind a good request, which has its answer in either case.
    const second = read([latin1("GET /first HTTP/1.1\r\nHost: a\r\n\r\n"), bytes])
    expect(second).toEqual({ ...whole, messages: ["GET /first", ...whole.messages] })
  })

  it.each(cases)("$name, and then the end", (one) => {
    const bytes = latin1(one.bytes)
    const whole = read([bytes], { end: true })
    expect(whole).toMatchObject({
      ...expected(one),
      unfinished: false,
      refused: one.refused ?? (one.unfinished ? 400 : undefined)
    })
    for (const cut of cuts(bytes)) expect(read(cut, { end: true })).toEqual(whole)
  })
})
