/** `examples/json`, as a process of its own, in each of its formats. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Cast, example, Peer } from "./support.ts"

const cast = new Cast()
afterAll(cast.leave)

const one = '{"number":1,"value":{"a":[1,2]}}'
const two = '{"number":2,"value":{"b":"}"}}'

const formats = [
  { format: "json", input: '{"a":[1,2]} {"b":"}"}', output: `${one}${two}`, wrong: "x" },
  { format: "ndjson", input: '{"a":[1,2]}\r\n\n{"b":"}"}\n', output: `${one}\n${two}\n`, wrong: "{]\n" },
  {
    format: "seq",
    input: '\x1e{"a":[1,\n2]}\n\x1e{"b":"}"}\n',
    output: `\x1e${one}\n\x1e${two}\n`,
    wrong: "\x1e{]\n"
  }
]

describe.each(formats)("examples/json, FORMAT=$format", ({ format, input, output, wrong }) => {
  const server = cast.add(example("json/server.ts", [], { FORMAT: format }))
  let port = 0

  beforeAll(async () => {
    port = await server.port(`json \\(${format}\\)`)
  })

  it("numbers values that come byte by byte", async () => {
    const peer = new Peer(port)
    for (const byte of input) peer.write(byte)
    peer.end()
    expect(await peer.closed).toEqual({ error: undefined, sawEnd: true })
    expect(peer.text).toBe(output)
  })

  it("closes a connection with something else on it after the values before it, and goes on", async () => {
    const peer = new Peer(port)
    peer.write(`${input}${wrong}`)
    await peer.closed
    expect(peer.text).toBe(output)
    const next = new Peer(port)
    next.write(input)
    next.end()
    await next.closed
    expect(next.text).toBe(output)
  })

  it("ends by SIGTERM with 0", async () => {
    server.signal("SIGTERM")
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })
})
