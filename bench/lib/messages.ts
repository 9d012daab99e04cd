/** The frames that a load client sends: each with its number, each of the same size, so that an echo is byte for byte known. */

export type Kind = "bytes" | "json"

const firstJsonNumber = 1_000_000_000

/** Frames of one connection in a ring. A slot is written again only when its echo is here. */
export class FrameRing {
  readonly frameSize: number
  readonly bytes: Buffer
  private readonly slots: number
  private readonly kind: Kind
  private readonly view: DataView
  private readonly numberAt: number

  constructor(kind: Kind, connection: number, payloadSize: number, slots: number) {
    const payload =
      kind === "json" ? jsonPayload(connection, payloadSize) : bytesPayload(connection, payloadSize)
    this.kind = kind
    this.slots = slots
    this.frameSize = 4 + payload.length
    this.bytes = Buffer.alloc(this.frameSize * slots)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
    this.numberAt = 4 + (kind === "json" ? '{"seq":'.length : 4)
    for (let slot = 0; slot < slots; slot++) {
      this.bytes.writeUInt32BE(payload.length, slot * this.frameSize)
      payload.copy(this.bytes, slot * this.frameSize + 4)
    }
  }

  /** Writes message `n` into its slot. */
  prepare(n: number): void {
    const at = (n % this.slots) * this.frameSize + this.numberAt
    if (this.kind === "bytes") {
      this.view.setUint32(at, n)
      return
    }
    let rest = firstJsonNumber + n
    for (let digit = at + 9; digit >= at; digit--) {
      const next = Math.floor(rest / 10)
      this.bytes[digit] = 48 + rest - next * 10
      rest = next
    }
  }
}

const bytesPayload = (connection: number, size: number): Buffer => {
  const payload = Buffer.alloc(Math.max(8, size))
  for (let i = 8; i < payload.length; i++) payload[i] = (i * 7 + connection) & 0xff
  payload.writeUInt32BE(connection, 0)
  return payload
}

const jsonPayload = (connection: number, size: number): Buffer => {
  const text = (note: string) => JSON.stringify({ seq: firstJsonNumber, kind: "reading", value: 21.5, note })
  const name = `c${connection}`
  return Buffer.from(text(name + "x".repeat(Math.max(0, size - text(name).length))))
}
