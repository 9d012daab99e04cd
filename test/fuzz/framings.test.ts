/** Every kind of framing under a server: each mutated conversation is answered frame by frame, or closed. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { assault, type Outcome } from "./support/assault.ts"
import type { Tokens } from "./support/fuzz.ts"

interface Subject {
  readonly framing: Framing.Framing
  readonly conversations: ReadonlyArray<Tokens>
}

const text = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

/** A token for each part of the grammar: brackets, strings, what stands between. */
const json = (source: string): Tokens =>
  text(...(source.match(/"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|\s+|[\s\S]/g) ?? []))

const x = "x".repeat(100)

const delimited: Readonly<Record<string, Subject>> = {
  lines: {
    framing: Framing.lines({ maxLength: 100, newline: "\r\n" }),
    conversations: [text("hello", "\r\n", "", "\n", "a\rb", "\n"), text(x, "\r\n", "end", "\n")]
  },
  "lines that are left out": {
    framing: Framing.lines({ maxLength: 4, oversize: "skip", end: "emit", newline: "\r\n" }),
    conversations: [text("abcd", "\r\n", "abcdefgh", "\n", "ab", "\n", "tail")]
  },
  delimiter: {
    framing: Framing.delimiter("aab", { maxLength: 20 }),
    conversations: [text("x", "aab", "aaab", "ab", "aab", "", "aab")]
  },
  "delimiter, kept": {
    framing: Framing.delimiter("\r\n.\r\n", { keep: true, oversize: "skip", maxLength: 20 }),
    conversations: [text("one", "\r\n.\r\n", "\r\n", ".", "\r\n.\r\n", x, "\r\n.\r\n")]
  },
  anyOf: {
    framing: Framing.anyOf([",", ";", "\r\n"], { maxLength: 20, oversize: "skip", end: "drop" }),
    conversations: [text("a", ",", "b", ";", "\r", "\r\n", x, ",", "c", ",")]
  }
}

const prefixed: Readonly<Record<string, Subject>> = {
  lengthField: {
    framing: Framing.lengthField({ offset: 1, width: 2, adjustment: 1, strip: 0, maxLength: 100 }),
    conversations: [text("T", "\0\x05", "F", "hello", "U", "\0\0", "F", "V", "\0\x63", "F", x.slice(1))]
  },
  "lengthField, 8 bytes": {
    framing: Framing.lengthField({ width: 8, byteOrder: "little", adjustment: -8, maxLength: 100 }),
    conversations: [text("\x0d", "\0\0\0\0\0\0\0", "hello", "\x08", "\0\0\0\0\0\0\0")]
  },
  lengthPrefixed: {
    framing: Framing.lengthPrefixed({ maxLength: 100, oversize: "skip" }),
    conversations: [text("\0\0\0", "\x05", "hello", "\0\0\0", "\0", "\0\0\0", "\x64", x)]
  },
  varint: {
    framing: Framing.varint({ maxLength: 200, oversize: "skip" }),
    conversations: [text("\x05", "hello", "\0", "\xc8", "\x01", x, x, "\x81\x80", "\0", "a")]
  },
  netstring: {
    framing: Framing.netstring({ maxLength: 100 }),
    conversations: [
      text("5", ":", "hello", ",", "0", ":", ",", "2", ":", "ab", ","),
      text("12", ":", "hello, world", ",", "100", ":", x, ",")
    ]
  },
  contentLength: {
    framing: Framing.contentLength({ maxLength: 100, maxHeaderLength: 60, oversize: "skip" }),
    conversations: [
      text("Content-Length", ": ", "5", "\r\n", "\r\n", "hello", "content-length", ":", "0", "\r\n\r\n"),
      text("X-Other", ": ", "1", "\r\n", "CONTENT-LENGTH", ": ", "100", " ", "\r\n", "\r\n", x)
    ]
  },
  typeLengthValue: {
    framing: Framing.typeLengthValue({ maxLength: 100, oversize: "skip" }),
    conversations: [text("\x01", "\0\0\0", "\x05", "\0\0\0", "hello", "\0\0\0\0", "\0", "\0\0\0")]
  },
  fixedLength: {
    framing: Framing.fixedLength(5, { end: "drop" }),
    conversations: [text("hello", "world", "again")]
  },
  untilEnd: { framing: Framing.untilEnd({ maxLength: 120 }), conversations: [text("hello", x, "end")] },
  none: { framing: Framing.none({ maxLength: 7 }), conversations: [text("hello", x, "end")] },
  "checksum, bytes": {
    framing: Framing.withChecksum(Framing.lengthPrefixed({ width: 1, maxLength: 100 })),
    conversations: [text("\x0d", "123456789", "\xe3\x06\x92\x83", "\x04", "\0\0\0\0")]
  },
  "checksum, hex": {
    framing: Framing.withChecksum(Framing.lines({ maxLength: 100 }), { format: "hex" }),
    conversations: [text("123456789", "e3069283", "\n", "00000000", "\n")]
  }
}

const texts: Readonly<Record<string, Subject>> = {
  json: {
    framing: Framing.json({ maxLength: 100 }),
    conversations: [
      json('{"a":1}{"b":"}"} [1,{"c":"\\"]"}]\n{}'),
      json(`{"nested":[[[{"deep":[{}]}]]]}{"long":"${"x".repeat(80)}"}{"é":null}`)
    ]
  },
  "json, elements": {
    framing: Framing.json({ maxLength: 30, elements: true, oversize: "skip", end: "emit" }),
    conversations: [json('[{"a":1}, {"b":[2]} ,{}]{"c":3}[]'), json(`{}[{"long":"${x}"},{"d":"]"}]`)]
  },
  ndjson: {
    framing: Framing.ndjson({ maxLength: 100, oversize: "skip" }),
    conversations: [json('\xef\xbb\xbf{"a":1}\n"two"\r\n3\rnull\n\n'), json(`[${"1,".repeat(60)}1]\n{}\n`)]
  },
  "ndjson, empty lines kept": {
    framing: Framing.ndjson({ maxLength: 20, emptyLines: "keep", end: "emit" }),
    conversations: [json('\r\n{"a":1}\n\n\r\r\n"tail"')]
  },
  jsonSequence: {
    framing: Framing.jsonSequence({ maxLength: 100 }),
    conversations: [
      json('\x1e{"a":1}\n\x1e"two"\n\x1e3\n\x1e[\n1,\n2\n]\n\x1enull\n'),
      json(`\x1e\x1e{"b":"}"}\x1e[]\n\x1e"${"x".repeat(90)}"\n`)
    ]
  },
  "jsonSequence, skip": {
    framing: Framing.jsonSequence({ maxLength: 20, oversize: "skip", end: "drop" }),
    conversations: [json(`\x1e"${x}"\n\x1e{"a":[]}\n\x1etrue\n\x1e{"cut":\x1e-1.5e3\n`)]
  }
}

/** What an echo of the frames in `sent` looks like, up to the first that the encoder refuses. */
const echoOf = (framing: Framing.Framing, sent: Uint8Array) => {
  const frames: Array<Uint8Array> = []
  const decoder = framing.makeDecoder()
  if (decoder.push(sent, frames) === undefined) decoder.end(frames)
  const out = new ByteWriter()
  const refused = frames.some((frame) => framing.encode(frame, out) !== undefined)
  return { echo: Buffer.from(out.take()), refused }
}

const judge =
  (framing: Framing.Framing) =>
  ({ heard, sent }: Outcome): string | undefined => {
    const { echo, refused } = echoOf(framing, sent)
    const right = refused ? echo.subarray(0, heard.length).equals(heard) : echo.equals(heard)
    return right ? undefined : `answered ${JSON.stringify(Buffer.from(heard).toString("latin1"))}`
  }

/** A run's cases for JSON, and as many for all others together. */
const subjects = [{ ...delimited, ...prefixed }, texts].flatMap((family) =>
  Object.entries(family).map(([name, subject]) => ({ name, ...subject, shares: Object.keys(family).length }))
)

describe.each(subjects)("$name", ({ conversations, framing, name, shares }) => {
  it.live("answers or closes", () =>
    Effect.gen(function* () {
      const protocol = Protocol.make(name, { framing, fromClient: Codec.bytes, fromServer: Codec.bytes })
      const server = yield* Server.make(
        protocol,
        Handler.map((frame) => frame)
      )
      yield* assault({ name, server, conversations, judge: judge(framing), shares })
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))
  )
})
