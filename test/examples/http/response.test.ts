/** Responses of `examples/http`, as bytes. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Answer, empty, json, type Response, text } from "../../../examples/http/response.ts"
import { ByteWriter } from "../../../src/ByteWriter.ts"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 2, 3, 4, 5) })
})
afterEach(() => {
  vi.useRealTimers()
})

const written = (response: Response, options: Partial<Answer> = {}): string => {
  const out = new ByteWriter()
  const error = response.write({ _tag: "Answer", response, headOnly: false, connection: "", ...options }, out)
  if (error !== undefined) throw error
  return Buffer.from(out.view()).toString("latin1")
}

describe("a response", () => {
  it("is its status, its fields, its length, the date, and its body", () => {
    expect(written(text("hé", 404, { "X-A": "b" }))).toBe(
      "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-A: b\r\nContent-Length: 3\r\n" +
        "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\nh\xc3\xa9"
    )
    expect(written(json({ a: 1 }))).toContain("\r\nContent-Type: application/json\r\nContent-Length: 7\r\n")
  })

  it.each([
    [204, undefined],
    [304, undefined],
    [200, "0"],
    [404, "0"]
  ])("without a body and with status %i has the length %s", (status, length) => {
    expect(/Content-Length: (\d+)/.exec(written(empty(status)))?.[1]).toBe(length)
  })

  it.each([204, 304])("with status %i has no body, whatever it was given", (status) => {
    for (let time = 0; time < 3; time++) expect(written(text("hi", status))).toMatch(/ GMT\r\n\r\n$/)
  })

  it.each([0, 99, 100, 199, 600, 200.5, Number.NaN])("with status %d is none", (status) => {
    expect(() => written(empty(status))).toThrow("status: is none of an answer")
  })

  it.each(["Date", "content-length", "Transfer-Encoding", "CONNECTION"])("says %s itself", (name) => {
    expect(() => written(text("x", 200, { [name]: "1" }))).toThrow("comes by itself")
  })

  it("that is sent again has the date of the day, and what that request wants", () => {
    const response = text("hi")
    const first = written(response)
    for (let time = 0; time < 3; time++) expect(written(response)).toBe(first)
    expect(written(response, { connection: "close" })).toBe(
      first.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    )
    expect(written(response, { headOnly: true })).toBe(first.slice(0, -2))
    expect(written(response)).toBe(first)
    vi.advanceTimersByTime(1000)
    const second = first.replace(":05 GMT", ":06 GMT")
    expect(second).not.toBe(first)
    for (let time = 0; time < 3; time++) expect(written(response)).toBe(second)
  })

  it.each([
    ["a b", "c"],
    ["", "c"],
    ["a", "b\r\nc: d"],
    ["a", "b\nc"],
    ["a", "\0"],
    ["a", "\u0100"]
  ])("with the field %j: %j is none", (name, value) => {
    expect(() => written(text("x", 200, { [name]: value }))).toThrow("is no field of HTTP")
  })
})
