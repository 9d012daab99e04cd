/** One connection of a load client: sends numbered messages, and compares every byte that comes back with what must come. */
import * as Net from "node:net"
import { ByteCheck } from "./byteCheck.ts"
import { type Encoded, type Kind, messageForm } from "./forms.ts"
import { farewellOf, type Handshake, handshakeOf } from "./handshakes.ts"
import { MessageRing } from "./messages.ts"

export interface EchoOptions {
  readonly port: number
  readonly id: number
  readonly kind: Kind
  readonly payload: number
  readonly window: number
  readonly encoded?: Encoded | undefined
  readonly localAddress?: string
}

/** A connection whose every message has to come back. */
export interface Echoing {
  readonly id: number
  readonly sent: number
  readonly received: number
  /** Sends the next `count` messages. */
  readonly send: (count: number) => void
  /** Ends our side; `onEnd` follows when the server has ended its own. */
  readonly end: () => void
}

/** What a connection tells. */
export interface EchoEvents {
  readonly onConnect: (connection: Echoing) => void
  /** `count` messages came back, `milliseconds` after the last of them was sent. */
  readonly onEchoes: (connection: Echoing, count: number, milliseconds: number) => void
  /** The server ended its side and had answered everything before. */
  readonly onEnd: (connection: Echoing) => void
  readonly onError: (error: Error) => void
}

// All connections read into one buffer: it is looked through before the next read.
const readBuffer = Buffer.allocUnsafe(64 * 1024)

export class EchoConnection implements Echoing {
  readonly id: number
  sent = 0
  private readonly ring: MessageRing
  private readonly check: ByteCheck
  private readonly events: EchoEvents
  private readonly socket: Net.Socket
  private handshake: Handshake | undefined
  private readonly farewell: Buffer | undefined
  // Batches on their way: the number of their last message and when they left.
  private readonly batchEnds: Array<number> = []
  private readonly batchTimes: Array<number> = []
  private saidFarewell = false
  private failed = false

  constructor(options: EchoOptions, events: EchoEvents) {
    const { encoded, id, kind, payload, port, window } = options
    this.id = id
    this.events = events
    // More slots than the window make fewer batches wrap around.
    const slots = window * (payload <= 1024 && window > 1 ? 4 : 1)
    this.ring = new MessageRing(messageForm(kind, id, payload, encoded), slots)
    this.check = new ByteCheck(this.ring.expected)
    this.handshake = handshakeOf(kind)
    this.farewell = farewellOf(kind)
    this.socket = Net.connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      onread: { buffer: readBuffer, callback: (length) => this.read(length) }
    })
    this.socket.on("connect", () => {
      if (this.handshake === undefined) events.onConnect(this)
      else this.socket.write(this.handshake.begin)
    })
    this.socket.on("error", (error) => this.fail(error.message))
    this.socket.on("end", () => this.ended())
  }

  get received(): number {
    return this.check.received
  }

  /** Sends the next `count` messages in one write. */
  send(count: number): void {
    const { sent, slots } = this.ring
    const from = this.sent % slots
    for (let i = 0; i < count; i++) this.ring.prepare(this.sent + i)
    this.sent += count
    this.batchEnds.push(this.sent)
    this.batchTimes.push(performance.now())
    const to = from + count
    if (to <= slots) {
      this.socket.write(sent.bytes.subarray(from * sent.size, to * sent.size))
      return
    }
    this.socket.cork()
    this.socket.write(sent.bytes.subarray(from * sent.size))
    this.socket.write(sent.bytes.subarray(0, (to - slots) * sent.size))
    this.socket.uncork()
  }

  end(): void {
    if (this.farewell === undefined) {
      this.socket.end()
      return
    }
    this.saidFarewell = true
    this.socket.write(this.farewell)
  }

  private read(length: number): boolean {
    // The answer to a farewell is the server's own business.
    if (this.failed || this.saidFarewell) return true
    if (this.handshake !== undefined) {
      this.shake(this.handshake, Buffer.from(readBuffer.subarray(0, length)))
      return true
    }
    const before = this.received
    const problem = this.check.take(readBuffer, length, this.sent)
    if (problem !== undefined) this.fail(problem)
    else if (this.received > before) this.settle(before)
    return true
  }

  private shake(handshake: Handshake, chunk: Buffer): void {
    try {
      // Several steps may have come at once.
      for (let next = handshake.take(chunk); next !== undefined; next = handshake.take(Buffer.alloc(0))) {
        if (next === "done") {
          this.handshake = undefined
          this.events.onConnect(this)
          return
        }
        this.socket.write(next)
      }
    } catch (error) {
      this.fail(String(error))
    }
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

  private ended(): void {
    if (this.failed) return
    const missing = this.sent - this.received
    if (missing > 0) this.fail(`ended by the server with ${missing} echoes missing`)
    else this.events.onEnd(this)
  }

  private fail(message: string): void {
    if (this.failed) return
    this.failed = true
    this.socket.destroy()
    this.events.onError(new Error(`connection ${this.id}: ${message}`))
  }
}
