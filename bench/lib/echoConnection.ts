/** One connection of a load client: sends numbered frames, and compares every byte that comes back with what must come. */
import * as Net from "node:net"
import { FrameRing, type Kind } from "./messages.ts"

export interface EchoOptions {
  readonly port: number
  readonly id: number
  readonly kind: Kind
  readonly payload: number
  readonly window: number
  readonly localAddress?: string
}

/** What a connection tells. */
export interface EchoEvents {
  readonly onConnect: (connection: EchoConnection) => void
  /** `count` messages came back, `milliseconds` after the last of them was sent. */
  readonly onEchoes: (connection: EchoConnection, count: number, milliseconds: number) => void
  /** The server ended its side and had answered everything before. */
  readonly onEnd: (connection: EchoConnection) => void
  readonly onError: (error: Error) => void
}

// All connections read into one buffer: it is looked through before the next read.
const readBuffer = Buffer.allocUnsafe(64 * 1024)

export class EchoConnection {
  readonly id: number
  sent = 0
  received = 0
  private readonly ring: FrameRing
  private readonly slots: number
  private readonly events: EchoEvents
  private readonly socket: Net.Socket
  private receivedBytes = 0
  // Batches on their way: the number of their last message and when they left.
  private readonly batchEnds: Array<number> = []
  private readonly batchTimes: Array<number> = []
  private failed = false

  constructor(options: EchoOptions, events: EchoEvents) {
    this.id = options.id
    this.events = events
    // More slots than the window make fewer batches wrap around.
    this.slots = options.window * (options.payload <= 1024 && options.window > 1 ? 4 : 1)
    this.ring = new FrameRing(options.kind, options.id, options.payload, this.slots)
    this.socket = Net.connect({
      port: options.port,
      host: "127.0.0.1",
      noDelay: true,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      onread: { buffer: readBuffer, callback: (length) => this.read(length) }
    })
    this.socket.on("connect", () => events.onConnect(this))
    this.socket.on("error", (error) => this.fail(error.message))
    this.socket.on("end", () => this.ended())
  }

  get outstanding(): number {
    return this.sent - this.received
  }

  /** Sends the next `count` messages in one write. */
  send(count: number): void {
    const { frameSize } = this.ring
    const from = this.sent % this.slots
    for (let i = 0; i < count; i++) this.ring.prepare(this.sent + i)
    this.sent += count
    this.batchEnds.push(this.sent)
    this.batchTimes.push(performance.now())
    const to = from + count
    if (to <= this.slots) {
      this.socket.write(this.ring.bytes.subarray(from * frameSize, to * frameSize))
      return
    }
    this.socket.cork()
    this.socket.write(this.ring.bytes.subarray(from * frameSize))
    this.socket.write(this.ring.bytes.subarray(0, (to - this.slots) * frameSize))
    this.socket.uncork()
  }

  /** Ends our side; `onEnd` follows when the server has ended its own. */
  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.failed = true
    this.socket.destroy()
  }

  private read(length: number): boolean {
    if (this.failed) return true
    const { bytes, frameSize } = this.ring
    if (this.receivedBytes + length > this.sent * frameSize) {
      this.fail(`came ${this.receivedBytes + length} bytes, sent ${this.sent * frameSize}`)
      return true
    }
    let at = 0
    while (at < length) {
      const ringAt = (this.receivedBytes + at) % bytes.length
      const size = Math.min(length - at, bytes.length - ringAt)
      if (readBuffer.compare(bytes, ringAt, ringAt + size, at, at + size) !== 0) {
        this.differs(at, ringAt, size)
        return true
      }
      at += size
    }
    this.receivedBytes += length
    const before = this.received
    this.received = Math.floor(this.receivedBytes / frameSize)
    if (this.received > before) this.settle(before)
    return true
  }

  private settle(before: number): void {
    const now = performance.now()
    let from = before
    while (this.batchEnds.length > 0 && this.batchEnds[0]! <= this.received) {
      const end = this.batchEnds.shift()!
      this.events.onEchoes(this, end - from, now - this.batchTimes.shift()!)
      from = end
    }
    if (from < this.received) this.events.onEchoes(this, this.received - from, now - this.batchTimes[0]!)
  }

  /** Something is lost, there twice, out of order, changed, or another connection's. */
  private differs(at: number, ringAt: number, size: number): void {
    const { bytes, frameSize } = this.ring
    let offset = 0
    while (offset < size && readBuffer[at + offset] === bytes[ringAt + offset]) offset++
    const position = this.receivedBytes + at + offset
    const message = Math.floor(position / frameSize)
    const back = Math.min(position % frameSize, at + offset)
    const hex = (buffer: Buffer, start: number) =>
      buffer.subarray(start, start + Math.min(24, frameSize)).toString("hex")
    this.fail(
      `message ${message} (byte ${position % frameSize}) is not its echo: ` +
        `expected ${hex(bytes, ringAt + offset - back)}, got ${hex(readBuffer, at + offset - back)}`
    )
  }

  private ended(): void {
    if (this.failed) return
    if (this.outstanding > 0) this.fail(`ended by the server with ${this.outstanding} echoes missing`)
    else this.events.onEnd(this)
  }

  private fail(message: string): void {
    if (this.failed) return
    this.failed = true
    this.socket.destroy()
    this.events.onError(new Error(`connection ${this.id}: ${message}`))
  }
}
