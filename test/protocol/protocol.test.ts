/** Protocols: a framing and two codecs; and tables of messages with numbers on the wire. */
import { assert, describe, it } from "@effect/vitest"
import { type Effect, Exit, Schema } from "effect"
import { ByteWriter } from "../../src/ByteWriter.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import type { CodecError } from "../../src/SluiceError.ts"
import {
  atOnce,
  fromText,
  hex,
  integer,
  refuses,
  someBytes,
  succeeds,
  toHex,
  WellFormed
} from "../codec/support.ts"

const Reading = Schema.TaggedStruct("Reading", { litres: Schema.Finite })
const Alarm = Schema.TaggedStruct("Alarm", { text: WellFormed })
const messages = { Reading: { id: 1, schema: Reading }, Alarm: { id: 2, schema: Alarm } }

interface Blob {
  readonly _tag: "Blob"
  readonly data: Uint8Array
}
const blob: Codec.Codec<Blob> = Codec.transform(Codec.bytes, {
  decode: (data): Blob => ({ _tag: "Blob", data }),
  encode: ({ data }) => data
})

/** Puts messages on a wire and takes them off again, in pieces of `step` bytes. */
const overTheWire = <A>(
  framing: Framing.Framing,
  codec: Codec.Codec<A>,
  messages: ReadonlyArray<A>,
  step = 3
): ReadonlyArray<A> => {
  const out = new ByteWriter()
  for (const message of messages) assert.isUndefined(framing.encode(succeeds(codec.encode(message)), out))
  const wire = out.take()
  const decoder = framing.makeDecoder()
  const frames: Array<Uint8Array> = []
  for (let at = 0; at < wire.length; at += step) {
    assert.isUndefined(decoder.push(wire.subarray(at, at + step), frames))
  }
  assert.isUndefined(decoder.end(frames))
  return frames.map((frame) => succeeds(codec.decode(frame)))
}

describe("make", () => {
  const framing = Framing.lines()
  const protocol = Protocol.make("Chat", { framing, fromClient: Codec.utf8, fromServer: Codec.bytes })

  it("is what it was made of", () => {
    assert.deepStrictEqual(protocol, {
      name: "Chat",
      framing,
      fromClient: Codec.utf8,
      fromServer: Codec.bytes,
      problems: []
    })
  })

  it("shows what is wrong with the framing, with paths", () => {
    const { problems } = Protocol.make("Bad", {
      framing: Framing.lengthPrefixed({ maxLength: -1, width: 5 as 4 }),
      fromClient: Codec.utf8,
      fromServer: Codec.utf8
    })
    assert.deepStrictEqual(problems.map(({ path }) => path).sort(), ["framing.maxLength", "framing.width"])
    for (const { message } of problems) assert.match(message, /^must be /)
  })
})

describe("flip", () => {
  const protocol = Protocol.make("Chat", {
    framing: Framing.lines({ maxLength: 0 }),
    fromClient: Codec.utf8,
    fromServer: Codec.bytes
  })

  it("exchanges the codecs and nothing else", () => {
    const flipped = Protocol.flip(protocol)
    assert.strictEqual(flipped.fromClient, Codec.bytes)
    assert.strictEqual(flipped.fromServer, Codec.utf8)
    assert.strictEqual(flipped.framing, protocol.framing)
    assert.strictEqual(flipped.name, protocol.name)
    assert.strictEqual(flipped.problems, protocol.problems)
  })

  it("twice is the protocol", () => {
    const twice = Protocol.flip(Protocol.flip(protocol))
    assert.strictEqual(twice.fromClient, protocol.fromClient)
    assert.strictEqual(twice.fromServer, protocol.fromServer)
    assert.deepStrictEqual(twice, protocol)
  })
})

describe("tagged: ids on the wire", () => {
  const layouts: ReadonlyArray<readonly [string, Framing.Framing, Protocol.IdOptions | undefined, string]> = [
    ["lengthPrefixed, by default", Framing.lengthPrefixed(), undefined, "0001"],
    ["1 byte", Framing.lengthPrefixed(), { width: 1 }, "01"],
    ["2 bytes, big", Framing.lengthPrefixed(), { width: 2, byteOrder: "big" }, "0001"],
    ["2 bytes, little", Framing.lengthPrefixed(), { width: 2, byteOrder: "little" }, "0100"],
    ["3 bytes, little", Framing.lengthPrefixed(), { width: 3, byteOrder: "little" }, "010000"],
    ["4 bytes, big", Framing.lengthPrefixed(), { width: 4, byteOrder: "big" }, "00000001"],
    ["4 bytes, little", Framing.lengthPrefixed(), { width: 4, byteOrder: "little" }, "01000000"]
  ]

  for (const [name, framing, id, expected] of layouts) {
    const protocol = Protocol.tagged("Pump", {
      framing,
      ...(id === undefined ? {} : { id }),
      messages: { ...messages, Blob: { id: 200, codec: blob } }
    })
    it(name, () => {
      assert.deepStrictEqual(protocol.problems, [])
      const frame = succeeds(protocol.fromClient.encode({ _tag: "Reading", litres: 1.5 }))
      assert.strictEqual(toHex(frame), expected + toHex(fromText(`{"_tag":"Reading","litres":1.5}`)))
    })
    it.prop(
      `${name}: over the wire`,
      [Reading, Alarm, someBytes(), integer(1, 9)],
      ([reading, alarm, data, step]) => {
        // JSON knows no negative zero.
        const sent = [{ ...reading, litres: reading.litres + 0 }, { _tag: "Blob" as const, data }, alarm]
        assert.deepStrictEqual(overTheWire(framing, protocol.fromClient, sent, step), sent)
        assert.deepStrictEqual(overTheWire(framing, protocol.fromServer, sent, step), sent)
      }
    )
  }

  for (const typeWidth of [1, 2, 3, 4, 6] as const) {
    for (const byteOrder of ["big", "little"] as const) {
      const framing = Framing.typeLengthValue({ typeWidth, lengthWidth: 2, byteOrder })
      const last = typeWidth === 1 ? 255 : 256 ** typeWidth - 1
      const protocol = Protocol.tagged("Pump", {
        framing,
        messages: { Reading: { id: 0, schema: Reading }, Alarm: { id: last, schema: Alarm } }
      })
      it(`typeLengthValue, type of ${typeWidth}, ${byteOrder}`, () => {
        assert.deepStrictEqual(protocol.problems, [])
        const sent = [
          { _tag: "Alarm" as const, text: "dry" },
          { _tag: "Reading" as const, litres: 0 }
        ]
        assert.deepStrictEqual(overTheWire(framing, protocol.fromServer, sent), sent)
        const out = new ByteWriter()
        framing.encode(succeeds(protocol.fromServer.encode(sent[0]!)), out)
        assert.strictEqual(toHex(out.take().subarray(0, typeWidth)), "ff".repeat(typeWidth))
      })
    }
  }

  it("typeLengthValue writes the bytes that its documentation shows", () => {
    const protocol = Protocol.tagged("Greeting", {
      framing: Framing.typeLengthValue(),
      messages: { Blob: { id: 1, codec: blob } }
    })
    const out = new ByteWriter()
    const frame = succeeds(protocol.fromClient.encode({ _tag: "Blob", data: fromText("hello") }))
    assert.isUndefined(protocol.framing.encode(frame, out))
    assert.strictEqual(toHex(out.take()), "010000000500000068656c6c6f")
  })

  it("nothing of this process's memory is in the room before the body", () => {
    const framing = {
      ...Framing.lengthPrefixed(),
      type: { offset: 4, width: 1, byteOrder: "big", bodyOffset: 40 }
    } as const
    const protocol = Protocol.tagged("Gap", { framing, messages: { Blob: { id: 9, codec: blob } } })
    for (let i = 0; i < 200; i++) {
      Buffer.allocUnsafe(128).fill(0xee)
      const frame = succeeds(protocol.fromClient.encode({ _tag: "Blob", data: hex("01") }))
      assert.strictEqual(toHex(frame), `00000000${"09"}${"00".repeat(35)}01`)
    }
  })

  it("the id of a table that has a type field in the framing is the frame's type, whatever `id` says", () => {
    const framing = Framing.typeLengthValue({ typeWidth: 2, byteOrder: "big" })
    const protocol = Protocol.tagged("Pump", { framing, id: { width: 1 }, messages })
    assert.strictEqual(
      toHex(succeeds(protocol.fromClient.encode({ _tag: "Alarm", text: "" }))).slice(0, 4),
      "0002"
    )
  })
})

describe("tagged: directions", () => {
  const protocol = Protocol.tagged("Pump", {
    framing: Framing.lengthPrefixed(),
    fromClient: { Reading: { id: 1, schema: Reading } },
    fromServer: { Alarm: { id: 1, schema: Alarm } }
  })

  it("each has a table of its own, and ids may be the same", () => {
    assert.deepStrictEqual(protocol.problems, [])
    const reading = succeeds(protocol.fromClient.encode({ _tag: "Reading", litres: 1 }))
    const alarm = succeeds(protocol.fromServer.encode({ _tag: "Alarm", text: "dry" }))
    assert.deepStrictEqual(succeeds(protocol.fromClient.decode(reading)), { _tag: "Reading", litres: 1 })
    assert.deepStrictEqual(succeeds(protocol.fromServer.decode(alarm)), { _tag: "Alarm", text: "dry" })
    refuses(protocol.fromClient.decode(alarm))
    refuses(protocol.fromServer.decode(reading))
  })

  it("flip exchanges the tables", () => {
    const flipped = Protocol.flip(protocol)
    assert.strictEqual(flipped.fromClient, protocol.fromServer)
    assert.deepStrictEqual(Protocol.flip(flipped), protocol)
  })

  it("encoding a message of the other direction fails", () => {
    // What the compiler refuses, and a program without it would send.
    const encode = protocol.fromClient.encode as (message: object) => Effect.Effect<Uint8Array, CodecError>
    const error = refuses(encode({ _tag: "Alarm", text: "dry" }))
    assert.include(error.message, "Alarm")
    assert.strictEqual(error.codec, "tagged")
    refuses(encode({}))
    refuses(encode({ _tag: "constructor" }))
    refuses(encode({ _tag: "__proto__" }))
  })
})

describe("tagged: frames", () => {
  const protocol = Protocol.tagged("Pump", { framing: Framing.lengthPrefixed(), messages })

  it("an id that nobody knows is an UnknownMessage with its body, undecoded", () => {
    const frame = hex("ff fe 01 02 03")
    const message: unknown = succeeds(protocol.fromClient.decode(frame))
    assert.instanceOf(message, Protocol.UnknownMessage)
    const unknown = message as Protocol.UnknownMessage
    assert.strictEqual(unknown.id, 0xfffe)
    assert.strictEqual(toHex(unknown.body), "010203")
    assert.strictEqual(unknown.body.buffer, frame.buffer)
    assert.strictEqual(unknown._tag, "UnknownMessage")
  })

  it("an unknown id without a body, and one of a typeLengthValue", () => {
    const empty: unknown = succeeds(protocol.fromClient.decode(hex("00 00")))
    assert.strictEqual((empty as Protocol.UnknownMessage).body.length, 0)
    const wide = Protocol.tagged("Wide", { framing: Framing.typeLengthValue({ typeWidth: 6 }), messages })
    const message: unknown = succeeds(wide.fromClient.decode(hex("ff ff ff ff ff ff 01 00 00 00 aa")))
    assert.strictEqual((message as Protocol.UnknownMessage).id, 2 ** 48 - 1)
    assert.strictEqual(toHex((message as Protocol.UnknownMessage).body), "aa")
  })

  it.each(["", "00"])("a frame too short for an id fails: %j", (bytes) => {
    const error = refuses(protocol.fromClient.decode(hex(bytes)))
    assert.include(error.message, "too short for an id")
  })

  it("a body that is no message fails as its codec does, with the path", () => {
    const error = refuses(
      protocol.fromClient.decode(Uint8Array.from([0, 1, ...fromText(`{"_tag":"Reading"}`)]))
    )
    assert.strictEqual(error.codec, "json")
    assert.deepStrictEqual(error.issues, [{ path: "litres", message: "Missing key" }])
    refuses(protocol.fromClient.decode(hex("00 01")))
  })

  it("a body of another tag than its id's fails", () => {
    refuses(protocol.fromClient.decode(Uint8Array.from([0, 1, ...fromText(`{"_tag":"Alarm","text":""}`)])))
  })

  it("frames are views, and codecs answer at once", () => {
    assert.isTrue(protocol.fromClient.views)
    assert.strictEqual(protocol.fromClient.name, "tagged")
    const frame = atOnce(protocol.fromClient.encode({ _tag: "Alarm", text: "dry" }))
    assert.isTrue(Exit.isSuccess(frame) && Exit.isSuccess(atOnce(protocol.fromClient.decode(frame.value))))
    atOnce(protocol.fromClient.decode(hex("00")))
    atOnce(protocol.fromClient.decode(hex("09 09")))
  })
})

describe("tagged: problems", () => {
  it("a framing with a type field leaves nothing for id to say", () => {
    const { problems } = Protocol.tagged("Both", {
      framing: Framing.typeLengthValue(),
      id: { width: 4 },
      messages
    })
    assert.deepStrictEqual(problems, [
      { path: "id", message: "is no option with typeLengthValue, whose frames have a type field" }
    ])
  })

  it("an id that stands twice in a table", () => {
    const { problems } = Protocol.tagged("Twice", {
      framing: Framing.lengthPrefixed(),
      messages: { Reading: { id: 1, schema: Reading }, Alarm: { id: 1, schema: Alarm } }
    })
    assert.deepStrictEqual(problems, [
      { path: "messages.Alarm.id", message: "1 is already the id of Reading" }
    ])
  })

  it("ids that stand twice in the tables of both directions", () => {
    const twice = { Reading: { id: 7, schema: Reading }, Alarm: { id: 7, schema: Alarm } }
    const { problems } = Protocol.tagged("Twice", {
      framing: Framing.lengthPrefixed(),
      fromClient: twice,
      fromServer: twice
    })
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      ["fromClient.Alarm.id", "fromServer.Alarm.id"]
    )
  })

  it.each([
    [1, 256],
    [2, 65_536],
    [4, 2 ** 32],
    [2, -1],
    [2, 1.5],
    [2, Number.NaN],
    [2, Number.POSITIVE_INFINITY]
  ])("an id that does not fit: %i bytes, %d", (width, id) => {
    const { problems } = Protocol.tagged("Wide", {
      framing: Framing.lengthPrefixed(),
      id: { width },
      messages: { Reading: { id, schema: Reading } }
    })
    assert.deepStrictEqual(problems, [
      { path: "messages.Reading.id", message: `${id} does not fit ${width} unsigned bytes` }
    ])
  })

  it("an id that does not fit the framing's type", () => {
    const { problems } = Protocol.tagged("Wide", {
      framing: Framing.typeLengthValue({ typeWidth: 1 }),
      messages: { Reading: { id: 256, schema: Reading } }
    })
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      ["messages.Reading.id"]
    )
  })

  it.each([0, 5, -1, 1.5, Number.NaN])("an id width that cannot be: %d", (width) => {
    const { problems } = Protocol.tagged("Bad", {
      framing: Framing.lengthPrefixed(),
      id: { width },
      fromClient: {},
      fromServer: {}
    })
    assert.deepStrictEqual(problems, [{ path: "id.width", message: `must be 1 to 4 bytes, is ${width}` }])
  })

  it("a byte order that cannot be", () => {
    const { problems } = Protocol.tagged("Bad", {
      framing: Framing.lengthPrefixed(),
      id: { byteOrder: "middle" as "big" },
      messages
    })
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      ["id.byteOrder"]
    )
  })

  it("a type field too wide for a number", () => {
    const { problems } = Protocol.tagged("Wide", {
      framing: Framing.typeLengthValue({ typeWidth: 8 }),
      messages
    })
    assert.deepStrictEqual(problems, [{ path: "framing.typeWidth", message: "must be 1 to 6 bytes, is 8" }])
  })

  it("all at once: the framing's, the id's and the table's", () => {
    const { problems } = Protocol.tagged("Bad", {
      framing: Framing.lengthPrefixed({ maxLength: -1 }),
      id: { width: 9 },
      messages: { Reading: { id: 1, schema: Reading }, Alarm: { id: 1, schema: Alarm } }
    })
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      ["framing.maxLength", "id.width", "messages.Alarm.id"]
    )
  })

  it("bad options of a typeLengthValue stand once", () => {
    const { problems } = Protocol.tagged("Bad", {
      framing: Framing.typeLengthValue({ typeWidth: 5 as 4, maxLength: 0 }),
      messages
    })
    assert.deepStrictEqual(problems.map(({ path }) => path).sort(), [
      "framing.maxLength",
      "framing.typeWidth"
    ])
  })
})
