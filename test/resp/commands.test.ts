/** Commands: arrays of bulk strings and lines of words, their bounds, and what Redis says of bad ones. */
import { assert, describe, it } from "@effect/vitest"
import * as Resp from "../../src/Resp.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { Random } from "../../src/testing/random.ts"
import { bytes, decode, encode, refusal, singles, words } from "./support/decode.ts"

const commands = Resp.commands()

/** Whole and byte by byte; both must be the same. */
const read = (input: string, codec = commands) => {
  const whole = decode(codec, bytes(input))
  const cut = decode(codec, ...singles(bytes(input)))
  assert.deepStrictEqual(
    { ...cut, messages: words(cut.messages) },
    { ...whole, messages: words(whole.messages) }
  )
  return { words: words(whole.messages), error: whole.error?.replace("corrupted frame: ", "") }
}

describe("arrays of bulk strings", () => {
  it("are commands, one behind the other", () => {
    const input =
      "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$4\r\n\r\n\0\xff\r\n"
    assert.deepStrictEqual(read(input), {
      words: [["PING"], ["SET", "a", ""], ["GET", "\r\n\0\xff"]],
      error: undefined
    })
  })

  it("give their arguments as bytes, as text and as latin1, and empty ones where there are none", () => {
    const [command] = decode(commands, bytes("*2\r\n$3\r\nGET\r\n$3\r\n\xe2\x82\xac\r\n")).messages
    assert.isDefined(command)
    assert.strictEqual(command.length, 2)
    assert.strictEqual(command.text(1), "€")
    assert.strictEqual(command.latin1(1), "\xe2\x82\xac")
    assert.deepStrictEqual([...command.bytes(1)], [0xe2, 0x82, 0xac])
    assert.deepStrictEqual(
      command.args.map(({ length }) => length),
      [3, 3]
    )
    assert.deepStrictEqual([command.text(2), command.latin1(2), command.bytes(2).length], ["", "", 0])
  })

  it("of none, or of less than none, are left out", () => {
    assert.deepStrictEqual(read("*0\r\n*-1\r\n*-7\r\n*1\r\n$1\r\nx\r\n"), {
      words: [["x"]],
      error: undefined
    })
  })

  it("stay as they are when more comes", () => {
    const decoder = commands.wire.makeDecoder()
    const found: Array<Resp.Command> = []
    const input = bytes(
      "*2\r\n$4\r\nECHO\r\n$600\r\n".concat("a".repeat(600), "\r\n*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n")
    )
    for (const chunk of new Random(1).cut(input)) decoder.push(chunk, found)
    decoder.push(bytes("*1\r\n$5\r\n".concat("z".repeat(5), "\r\n")), found)
    assert.deepStrictEqual(words(found), [["ECHO", "a".repeat(600)], ["ECHO", "b"], ["zzzzz"]])
  })

  it.each([
    ["*x\r\n", "invalid multibulk length"],
    ["*\r\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*-0\r\n", "invalid multibulk length"],
    ["*+1\r\n", "invalid multibulk length"],
    ["*1\n", "invalid multibulk length"],
    ["*1\rx", "invalid multibulk length"],
    ["*99999999999999999999", "invalid multibulk length"],
    ["*65537\r\n", "invalid multibulk length"],
    ["*1\r\n:1\r\n", "expected '$', got ':'"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$1048577\r\n", "invalid bulk length"],
    ["*1\r\n$1 \r\n", "invalid bulk length"],
    ["*1\r\n$1\r\nab", "expected CRLF behind a bulk string"],
    ["*1\r\n$1\r\na\rb", "expected CRLF behind a bulk string"]
  ])("%j is refused, behind what came before", (input, error) => {
    assert.deepStrictEqual(read(`PING\r\n${input}`), { words: [["PING"]], error })
  })

  it("may be as long as the limits say, and no longer", () => {
    const codec = Resp.commands({ maxLength: 40, maxBulkLength: 10, maxArrayLength: 3 })
    const bulk = (length: number) => `$${length}\r\n${"x".repeat(length)}\r\n`
    const just = `*3\r\n${bulk(10)}${bulk(1)}${bulk(6)}`
    assert.strictEqual(just.length, 4 + 17 + 7 + 12)
    assert.deepStrictEqual(read(just, codec).words[0]?.length, 3)
    assert.include(read(`*3\r\n${bulk(10)}${bulk(1)}${bulk(7)}`, codec).error, "exceeds the maximum of 40")
    assert.strictEqual(read(`*1\r\n${bulk(11)}`, codec).error, "invalid bulk length")
    assert.strictEqual(read("*4\r\n", codec).error, "invalid multibulk length")
  })

  it("set nothing aside for what was only declared", () => {
    const decoder = commands.wire.makeDecoder()
    const begun = `*65536\r\n$1048576\r\n${"x".repeat(50_000)}`
    decoder.push(bytes(begun), [])
    assert.strictEqual(decoder.buffered, begun.length)
    // More than a slab of Node's holds, so that it is a buffer of its own.
    assert.isBelow(decoder.remaining().buffer.byteLength, 2 * begun.length)
  })

  it("take time by their length, however small the pieces", () => {
    const timeOf = (count: number) => {
      const input = bytes(`*${count}\r\n${"$1\r\nx\r\n".repeat(count)}`)
      const start = performance.now()
      const decoder = commands.wire.makeDecoder()
      const found: Array<Resp.Command> = []
      for (const piece of singles(input)) decoder.push(piece, found)
      assert.strictEqual(found.length, 1)
      return performance.now() - start
    }
    timeOf(4000)
    // Quadratic would be 64 times as long.
    const ratio = Math.min(...[1, 2, 3].map(() => timeOf(32_000) / timeOf(4000)))
    assert.isBelow(ratio, 32)
  })
})

describe("lines of words", () => {
  it.each([
    ["PING\r\n", [["PING"]]],
    ["PING\n", [["PING"]]],
    ["\r\n\n  \r\nGET\ta \v b\vc\f \r\n", [["GET", "a", "b\vc\f"]]],
    ['SET a "hello world"\r\n', [["SET", "a", "hello world"]]],
    ['ECHO "\\x41\\n\\r\\t\\b\\a\\q\\"\\\\"\r\n', [["ECHO", 'A\n\r\t\b\x07q"\\']]],
    ['ECHO "\\x4g"\r\n', [["ECHO", "x4g"]]],
    ["ECHO 'it\\'s \\n'\r\n", [["ECHO", "it's \\n"]]],
    ["ECHO '' \"\"\r\n", [["ECHO", "", ""]]],
    ['ECHO a"b c"\r\n', [["ECHO", "ab c"]]],
    ["ECHO a\0b c\r\n", [["ECHO", "a\0b", "c"]]],
    ["ECHO \xff\xe2\r\n", [["ECHO", "\xff\xe2"]]],
    ["PING\r\n*1\r\n$1\r\nx\r\nPING\r\n", [["PING"], ["x"], ["PING"]]]
  ])("%j", (input, expected) => {
    assert.deepStrictEqual(read(input), { words: expected, error: undefined })
  })

  it.each(['ECHO "a\r\n', "ECHO 'a\r\n", 'ECHO "a"b\r\n', "ECHO 'a'b\r\n", 'ECHO "a\\"\r\n'])(
    "%j has unbalanced quotes",
    (input) => {
      assert.deepStrictEqual(read(input), { words: [], error: "unbalanced quotes in request" })
    }
  )

  it("are at most 64 KiB long, or what the limit says", () => {
    const line = (length: number) => bytes(`${"x".repeat(length)}\n`)
    assert.strictEqual(decode(commands, line(65_536)).messages.length, 1)
    for (const chunks of [[line(65_537)], [line(65_537).subarray(0, 65_537)]]) {
      assert.include(decode(commands, ...chunks).error, "too big inline request")
    }
    const short = Resp.commands({ maxLength: 10 })
    assert.strictEqual(read("0123456789\n", short).error, undefined)
    assert.strictEqual(read("0123456789\r\n", short).error, "too big inline request")
    const few = Resp.commands({ maxArrayLength: 2, maxBulkLength: 3 })
    assert.deepStrictEqual(read("a bcd\n", few), { words: [["a", "bcd"]], error: undefined })
    assert.strictEqual(read("a b c\n", few).error, "invalid multibulk length")
    assert.strictEqual(read("a bcde\n", few).error, "invalid bulk length")
  })
})

describe("commands to send", () => {
  it("are arrays of bulk strings", () => {
    assert.strictEqual(
      encode(commands, Resp.command("SET", "ä", bytes("\xff"), 12), Resp.command("X", 9n)),
      "*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$1\r\n\xff\r\n$2\r\n12\r\n*2\r\n$1\r\nX\r\n$1\r\n9\r\n"
    )
  })

  it("are refused where the other end would refuse them", () => {
    const small = Resp.commands({ maxLength: 40, maxBulkLength: 10, maxArrayLength: 3 })
    assert.include(refusal(small, Resp.command("x".repeat(11))), "11 bytes exceeds the maximum of 10")
    assert.include(refusal(small, Resp.command("a", "b", "c", "d")), "maximum of 3")
    assert.include(refusal(small, Resp.command("x".repeat(10), "y".repeat(10), "z")), "maximum of 40")
    assert.isUndefined(refusal(small, Resp.command("x".repeat(10), "y".repeat(9))))
  })

  it("come back as they went, by the laws", () => {
    const payloads = [
      Resp.command("PING"),
      Resp.command("SET", "key", ""),
      Resp.command("SET", "\r\n", "*1\r\n$1\r\n"),
      Resp.command("ECHO", "x".repeat(300)),
      Resp.command("MGET", ...Array.from({ length: 20 }, (_, i) => `key${i}`))
    ].map((command) => bytes(encode(commands, command)))
    const small = Resp.commands({ maxLength: 2048, maxBulkLength: 400, maxArrayLength: 30 })
    const results = FramingLaws.checkAll(FramingLaws.ofCodec(small), { payloads })
    assert.deepStrictEqual(
      results.filter(({ ok }) => !ok),
      []
    )
  })
})
