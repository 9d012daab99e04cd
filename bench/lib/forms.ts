/** How one message looks on the wire, as a client sends it and as it has to come back, for each protocol under test. */

/** What the servers of a variant speak. */
export type Kind =
  | "bytes"
  | "tagged"
  | "json"
  | "packed"
  | "binary"
  | "webSocket"
  | "socketIo"
  | "nest"
  | "effectRpc"

/** The numbers of messages in texts begin here, so that all of them have ten digits. */
export const firstNumber = 1_000_000_000

/** Where the number of a message stands in it. */
export interface NumberField {
  readonly at: number
  /** Big-endian, ten decimal digits, or the five bytes of a zigzag varint. */
  readonly form: "u32" | "digits" | "zigzag"
  /** Each byte is combined with this by exclusive or, as WebSocket clients have to. */
  readonly mask: number
}

export interface Template {
  readonly bytes: Buffer
  readonly numbers: ReadonlyArray<NumberField>
  /** The byte that is one higher in every second message. */
  readonly alternate?: number
}

export interface MessageForm {
  readonly sent: Template
  readonly expected: Template
}

/** A message that the parent process has encoded, for a form that the load client does not know. */
export interface Encoded {
  readonly base64: string
  readonly numberAt: number
}

/** The messages of connection number `connection`, with `size` bytes of payload where the protocol is able to. */
export const messageForm = (
  kind: Kind,
  connection: number,
  size: number,
  encoded: Encoded | undefined
): MessageForm => {
  switch (kind) {
    case "bytes":
      return same(framed(bytesPayload(connection, size)))
    case "tagged":
      return same(taggedTemplate(connection, size))
    case "json":
      return same(lengthPrefixedText(jsonReading(connection, size)))
    case "packed":
      return same(packedReading(connection, size))
    case "binary":
      return same(encodedTemplate(encoded))
    case "webSocket": {
      const payload = bytesPayload(connection, size)
      return { sent: webSocketFrame(0x82, payload, clientMask), expected: webSocketFrame(0x82, payload, 0) }
    }
    case "socketIo": {
      const packet = textTemplate(`42["echo","${note(connection, size)}"]`)
      return { sent: webSocketFrame(0x81, packet, clientMask), expected: webSocketFrame(0x81, packet, 0) }
    }
    case "nest": {
      const data = note(connection, size)
      return {
        sent: hashPrefixedText(`{"pattern":"echo","data":"${data}","id":"${firstNumber}"}`),
        expected: hashPrefixedText(`{"response":"${data}","isDisposed":true,"id":"${firstNumber}"}`)
      }
    }
    case "effectRpc": {
      const text = note(connection, size)
      return {
        sent: textTemplate(
          `{"_tag":"Request","id":"${firstNumber}","tag":"Echo","payload":"${text}","headers":[]}\n`
        ),
        expected: textTemplate(
          `{"_tag":"Exit","requestId":"${firstNumber}","exit":{"_tag":"Success","value":"${text}"}}\n`
        )
      }
    }
  }
}

const same = (template: Template): MessageForm => ({ sent: template, expected: template })

/** A template behind some bytes. */
const behind = (head: Buffer, { alternate, bytes, numbers }: Template): Template => ({
  bytes: Buffer.concat([head, bytes]),
  numbers: numbers.map((field) => ({ ...field, at: field.at + head.length })),
  ...(alternate === undefined ? {} : { alternate: alternate + head.length })
})

const framed = (template: Template): Template => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(template.bytes.length)
  return behind(length, template)
}

const bytesPayload = (connection: number, size: number): Template => {
  const bytes = Buffer.alloc(Math.max(8, size))
  for (let i = 8; i < bytes.length; i++) bytes[i] = (i * 7 + connection) & 0xff
  bytes.writeUInt32BE(connection, 0)
  return { bytes, numbers: [{ at: 4, form: "u32", mask: 0 }] }
}

/** Two kinds of messages in turn, ids 1 and 2. */
const taggedTemplate = (connection: number, size: number): Template => {
  const id = Buffer.from([0, 1])
  return framed({ ...behind(id, bytesPayload(connection, size)), alternate: 1 })
}

/** A text, with the message's number wherever `firstNumber` stands in it. */
const textTemplate = (text: string): Template => ({
  bytes: Buffer.from(text, "latin1"),
  numbers: [...text.matchAll(new RegExp(String(firstNumber), "g"))].map(({ index }) => ({
    at: index,
    form: "digits",
    mask: 0
  }))
})

const lengthPrefixedText = (text: string): Template => framed(textTemplate(text))

const hashPrefixedText = (text: string): Template => textTemplate(`${text.length}#${text}`)

/** `size` characters: the message's number, its connection's, filled up. */
const note = (connection: number, size: number): string => `${firstNumber}c${connection}`.padEnd(size, "x")

const jsonReading = (connection: number, size: number): string => {
  const text = (note: string) => JSON.stringify({ seq: firstNumber, kind: "reading", value: 21.5, note })
  const name = `c${connection}`
  return text(name + "x".repeat(Math.max(0, size - text(name).length)))
}

/** The same reading as by hand in binary: sequence number, kind, value, note. */
const packedReading = (connection: number, size: number): Template => {
  const text = `c${connection}`.padEnd(Math.max(0, size - 13), "x")
  const bytes = Buffer.alloc(13 + text.length)
  bytes[4] = 1
  bytes.writeDoubleBE(21.5, 5)
  bytes.write(text, 13, "latin1")
  return framed({ bytes, numbers: [{ at: 0, form: "u32", mask: 0 }] })
}

const encodedTemplate = (encoded: Encoded | undefined): Template => {
  if (encoded === undefined) throw new Error("the message has not been encoded")
  return framed({
    bytes: Buffer.from(encoded.base64, "base64"),
    numbers: [{ at: encoded.numberAt, form: "zigzag", mask: 0 }]
  })
}

/** All four bytes of the masking key. Not zero, for a server may leave out the unmasking then. */
export const clientMask = 0x5a

/** One WebSocket frame (RFC 6455), masked unless `mask` is 0. */
export const webSocketFrame = (first: number, { bytes, numbers }: Template, mask: number): Template => {
  const { length } = bytes
  const masked = mask === 0 ? 0 : 0x80
  const head = length < 126 ? [first, masked | length] : [first, masked | 126, length >>> 8, length & 0xff]
  if (mask !== 0) head.push(mask, mask, mask, mask)
  return behind(Buffer.from(head), {
    bytes: bytes.map((byte) => byte ^ mask) as Buffer,
    numbers: numbers.map((field) => ({ ...field, mask }))
  })
}
