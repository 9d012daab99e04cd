/** Compares what comes in with what has to come, byte for byte. */
import type { RingSide } from "./messages.ts"

export class ByteCheck {
  /** Complete messages. */
  received = 0
  private receivedBytes = 0
  private readonly ring: RingSide

  constructor(ring: RingSide) {
    this.ring = ring
  }

  /** Takes the first `length` bytes of `chunk`, of which no more than `sent` messages may have come. Says what is wrong. */
  take(chunk: Buffer, length: number, sent: number): string | undefined {
    const { bytes, size: messageSize } = this.ring
    if (this.receivedBytes + length > sent * messageSize) {
      return `came ${this.receivedBytes + length} bytes, expected no more than ${sent * messageSize}`
    }
    let at = 0
    while (at < length) {
      const ringAt = (this.receivedBytes + at) % bytes.length
      const size = Math.min(length - at, bytes.length - ringAt)
      if (chunk.compare(bytes, ringAt, ringAt + size, at, at + size) !== 0)
        return this.difference(chunk, at, ringAt, size)
      at += size
    }
    this.receivedBytes += length
    this.received = Math.floor(this.receivedBytes / messageSize)
    return undefined
  }

  /** Something is lost, there twice, out of order, changed, or another connection's. */
  private difference(chunk: Buffer, at: number, ringAt: number, size: number): string {
    const { bytes, size: messageSize } = this.ring
    let offset = 0
    while (offset < size && chunk[at + offset] === bytes[ringAt + offset]) offset++
    const position = this.receivedBytes + at + offset
    const message = Math.floor(position / messageSize)
    const back = Math.min(position % messageSize, at + offset)
    const hex = (buffer: Buffer, start: number) =>
      buffer.subarray(start, start + Math.min(24, messageSize)).toString("hex")
    return (
      `message ${message} (byte ${position % messageSize}) is not as it has to be: ` +
      `expected ${hex(bytes, ringAt + offset - back)}, got ${hex(chunk, at + offset - back)}`
    )
  }
}
