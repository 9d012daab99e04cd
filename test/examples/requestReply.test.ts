/** `examples/request-reply`, as processes of their own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, type Program } from "./support.ts"

const cast = new Cast()
const server = cast.add(example("request-reply/server.ts"))
let port = 0

const ask = (...keys: ReadonlyArray<string>): Program =>
  cast.add(example("request-reply/client.ts", keys, { PORT: String(port) }))

beforeAll(async () => {
  port = await server.port("store")
})
afterAll(cast.leave)

describe("examples/request-reply", () => {
  it("answers what is asked, says what is missing, and lists", async () => {
    const client = ask("colour", "taste", "number")
    expect((await client.ended).code).toBe(0)
    expect(client.output.trim().split("\n")).toEqual([
      "colour: green",
      "taste: nothing",
      "number: seven",
      "there is colour",
      "there is number"
    ])
  })

  it("S-1: ends with 0 on SIGTERM", async () => {
    server.signal("SIGTERM")
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
