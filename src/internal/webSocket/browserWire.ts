/** A wire over the WebSocket of a browser, which has no pause, no pings, no reset and no half of a close. */
import type { CloseReason } from "../../CloseReason.ts"
import { FrameCorrupted, type FrameError, FrameTooLong } from "../../SluiceError.ts"
import type { Address, Wire, WireReceiver } from "../../Transport.ts"
import { decodeUtf8, encodeUtf8 } from "../bytes.ts"
import { Arrivals } from "./arrivals.ts"
import type { BrowserSettings } from "./browserSettings.ts"
import { browserCode, type Closing, closingOf, describeCode, isOrderly } from "./closeCodes.ts"
import { eachMessage } from "./departures.ts"
import type { CloseEvent, MessageEvent, PlatformSocket } from "./platform.ts"
import { goesAsText, mayCome } from "./settings.ts"

/** Bytes underway before `write` returns false. */
const highWaterMark = 65_536

/** How often to look whether there is room again, in milliseconds: nothing tells. */
const lookInterval = 10

interface Receipt {
  /** The number of bytes that it stands behind. */
  readonly after: number
  readonly written: () => void
}

/** Must be made before the socket can have opened, so that nothing is lost. */
export class BrowserWire implements Wire {
  readonly localAddress: Address = { _tag: "Unknown" }
  readonly remoteAddress: Address
  readonly tls = undefined
  private readonly socket: PlatformSocket
  private readonly settings: BrowserSettings
  private readonly arrivals: Arrivals
  private given = 0
  private receipts: Array<Receipt> = []
  private wantsDrain = false
  private looking: ReturnType<typeof setTimeout> | undefined
  private ended = false
  private gone = false
  private broken = false

  constructor(socket: PlatformSocket, remoteAddress: Address, settings: BrowserSettings) {
    this.socket = socket
    this.remoteAddress = remoteAddress
    this.settings = settings
    this.arrivals = new Arrivals(settings.messages === "stream")
    socket.binaryType = "arraybuffer"
    socket.addEventListener("message", (event: MessageEvent) => this.handleMessage(event.data))
    socket.addEventListener("close", (event: CloseEvent) => this.handleClose(event))
  }

  /** The subprotocol that both ends agreed on; empty for none. */
  get subprotocol(): string {
    return this.socket.protocol
  }

  get unsent(): number {
    return this.socket.bufferedAmount
  }

  attach(receiver: WireReceiver): void {
    this.arrivals.attach(receiver)
  }

  pause(): void {
    this.arrivals.pause()
  }

  resume(): void {
    this.arrivals.resume()
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.ended || this.gone) return false
    const { settings, socket } = this
    eachMessage(bytes, settings.messages === "stream", (message, marked) => {
      const text = goesAsText(settings, marked) ? decodeUtf8(message) : undefined
      // Nothing here is shared between threads.
      socket.send(text ?? (message as Uint8Array<ArrayBuffer>))
    })
    this.given += bytes.length
    if (written !== undefined) this.receipts.push({ after: this.given, written })
    const room = socket.bufferedAmount <= highWaterMark
    if (!room) this.wantsDrain = true
    if (!room || written !== undefined) this.lookSoon(0)
    return room
  }

  end(reason?: CloseReason): void {
    this.closeWith(closingOf(reason))
  }

  reset(): void {
    this.destroy()
  }

  destroy(): void {
    this.closeWith({ code: 1001, text: "" })
    if (this.gone) return
    // The browser sees to the rest by itself, and there is no hurrying it.
    this.arrivals.discard()
    this.finish(undefined)
  }

  private handleMessage(data: string | ArrayBuffer): void {
    if (this.gone || this.broken) return
    const { settings } = this
    const text = typeof data === "string"
    const bytes = text ? encodeUtf8(data) : new Uint8Array(data)
    if (bytes.length > settings.maxMessageBytes) {
      this.blame(1009, new FrameTooLong({ limit: settings.maxMessageBytes, seen: bytes.length }))
    } else if (!mayCome(settings, text)) {
      this.blame(1003, new FrameCorrupted({ detail: `a ${text ? "text" : "binary"} message` }))
    } else {
      this.arrivals.message(bytes, text)
      const waiting = this.arrivals.bytes
      if (waiting > settings.maxWaitingBytes) {
        this.blame(1008, new FrameTooLong({ limit: settings.maxWaitingBytes, seen: waiting }))
      }
    }
  }

  private blame(code: number, error: FrameError): void {
    this.broken = true
    this.arrivals.break(error)
    this.closeWith({ code, text: "" })
  }

  private closeWith({ code, text }: Closing): void {
    if (this.ended || this.gone) return
    this.ended = true
    this.socket.close(browserCode(code), text)
  }

  private handleClose({ code, reason }: CloseEvent): void {
    if (this.gone) return
    if (this.broken) this.finish(undefined)
    else if (isOrderly(code)) {
      this.arrivals.end(code === 1005 ? undefined : code)
      this.finish(undefined)
    } else if (code === 1006) this.finish("closed without a close frame")
    else this.finish(describeCode(code, reason), code)
  }

  private finish(error: string | undefined, code?: number): void {
    this.gone = true
    this.receipts = []
    clearTimeout(this.looking)
    this.arrivals.close(error, code)
  }

  private lookSoon(delay: number): void {
    this.looking ??= setTimeout(() => {
      this.looking = undefined
      this.look()
    }, delay)
  }

  private look(): void {
    const { bufferedAmount } = this.socket
    const sent = this.given - bufferedAmount
    while (this.receipts.length > 0 && this.receipts[0]!.after <= sent) this.receipts.shift()!.written()
    if (this.wantsDrain && bufferedAmount <= highWaterMark / 2 && !this.ended) {
      this.wantsDrain = false
      this.arrivals.drain()
    }
    if (this.wantsDrain || this.receipts.length > 0) this.lookSoon(lookInterval)
  }
}
