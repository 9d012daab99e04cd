/** A wire over a WebSocket of `ws`. */
import type { Duplex } from "node:stream"
import * as Duration from "effect/Duration"
import type { CloseReason } from "../../../CloseReason.ts"
import { FrameCorrupted, type FrameError, FrameTooLong } from "../../../SluiceError.ts"
import type { Address, ProxiedBy, TlsDetails, Wire, WireReceiver } from "../../../Transport.ts"
import type { Handshake } from "../../../TransportWebSocket.ts"
import { Arrivals } from "../../webSocket/arrivals.ts"
import { closingOf, describeCode, isOrderly } from "../../webSocket/closeCodes.ts"
import { eachMessage } from "../../webSocket/departures.ts"
import { goesAsText, mayCome } from "../../webSocket/settings.ts"
import { errorCode } from "../nodeError.ts"
import type { SocketSettings } from "./settings.ts"
import { type CloseKeeper, type KeptSocket, stopAfterMistake } from "./socket.ts"

/** Bytes underway before `write` returns false. */
const highWaterMark = 65_536

/**
 * What one read inflates to may wait while its receiver does not read: so many bytes and one message. Without compression
 * one read holds less.
 */
const maximumWaiting = 4 * 1024 * 1024

/** What a wire needs besides its WebSocket. */
export interface WebSocketParts {
  readonly webSocket: KeptSocket
  /** What it runs over: as a stream, and as a wire, which knows the addresses and can be reset. */
  readonly stream: Duplex
  readonly below: Wire
  readonly settings: SocketSettings
  /** How it began. */
  readonly handshake: Handshake
}

interface Receipt {
  /** The number of the last write that it stands behind. */
  readonly after: number
  readonly written: () => void
}

/** The WebSocket must be open, and is paused from here on until a receiver attaches. */
export class WebSocketWire implements Wire, CloseKeeper {
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly tls: TlsDetails | undefined
  readonly proxy: ProxiedBy | undefined
  readonly handshake: Handshake
  private readonly webSocket: KeptSocket
  private readonly stream: Duplex
  private readonly below: Wire
  private readonly settings: SocketSettings
  private readonly arrivals: Arrivals
  /** How often bytes were written, and how many of those are with the kernel. */
  private writes = 0
  private sent = 0
  private receipts: Array<Receipt> = []
  private wantsDrain = false
  private pings = 0
  /** Our side has ended: nothing more is sent. */
  private ended = false
  /** We gave it up, or it is gone. */
  private released = false
  private broken: FrameError | undefined
  /** The code that `ws` wants to close with, in the turn in which it does. */
  private asked: number | undefined
  /** The code of the peer's close frame. */
  private peerCode: number | undefined
  /** What to close with, where the peer has closed or is to blame. */
  private answer: number | undefined
  private replying: NodeJS.Timeout | undefined
  private error: string | undefined

  constructor({ below, handshake, settings, stream, webSocket }: WebSocketParts) {
    this.webSocket = webSocket
    this.stream = stream
    this.below = below
    this.settings = settings
    this.handshake = handshake
    this.localAddress = below.localAddress
    this.remoteAddress = below.remoteAddress
    this.tls = below.tls
    this.proxy = below.proxy
    this.arrivals = new Arrivals(settings.messages === "stream")
    webSocket.pause()
    stopAfterMistake(webSocket)
    webSocket.keeper = this
    webSocket.on("message", (data: Buffer, binary: boolean) => this.handleMessage(data, !binary))
    webSocket.on("ping", () => this.arrivals.sign(false))
    webSocket.on("pong", (data: Buffer) => this.arrivals.sign(data.toString() === String(this.pings)))
    webSocket.on("error", (error: Error) => this.handleError(error))
    webSocket.on("close", (code: number, text: Buffer) => this.handleClose(code, text.toString()))
    stream.on("error", (error: Error) => {
      this.error ??= errorCode(error)
    })
  }

  get unsent(): number {
    return this.webSocket.bufferedAmount
  }

  attach(receiver: WireReceiver): void {
    this.arrivals.attach(receiver)
    this.webSocket.resume()
  }

  pause(): void {
    this.arrivals.pause()
    this.webSocket.pause()
  }

  resume(): void {
    this.arrivals.resume()
    this.webSocket.resume()
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.ended || this.released) return false
    const { settings, stream, webSocket } = this
    if (bytes.length > 0) this.writes++
    if (written !== undefined) this.receipts.push({ after: this.writes, written })
    if (bytes.length === 0) {
      queueMicrotask(() => this.acknowledge())
      return true
    }
    // Frames of one turn leave in one write.
    stream.cork()
    eachMessage(bytes, settings.messages === "stream", (message, text, last) =>
      webSocket.send(message, { binary: !goesAsText(settings, text) }, last ? this.handleSent : undefined)
    )
    stream.uncork()
    const room = webSocket.bufferedAmount <= highWaterMark
    if (!room) this.wantsDrain = true
    return room
  }

  ping(): void {
    if (!this.ended && !this.released) this.webSocket.ping(String(++this.pings))
  }

  end(reason?: CloseReason): void {
    if (this.ended || this.released) return
    const { answer } = this
    if (answer !== undefined && (reason?._tag === "PeerClosed" || reason?._tag === "FrameError")) {
      this.reply(answer)
    } else {
      const { code, text } = closingOf(reason)
      this.closeWith(code, text)
    }
  }

  reset(): void {
    if (this.released) return
    this.release()
    this.below.reset()
    // Where the stream is not the socket itself, it does not know.
    this.stream.destroy()
  }

  destroy(): void {
    if (this.released) return
    // What is not underway yet is lost; a last word that fits behind what is, is not.
    if (!this.ended && this.unsent === 0) this.closeWith(1001, "")
    this.release()
    this.webSocket.terminate()
  }

  closeAsked(code: number | undefined, text: string | Buffer | undefined): void {
    if (this.ended) this.webSocket.closeNow(code, text)
    this.asked = code
    // Where the peer broke the rules, `handleError` hears of it within this very turn.
    queueMicrotask(() => {
      this.asked = undefined
      this.handlePeerClose(code ?? 1005, text === undefined ? "" : text.toString())
    })
  }

  private handleMessage(data: Buffer, text: boolean): void {
    if (this.released || this.broken !== undefined) return
    const { settings } = this
    if (!mayCome(settings, text)) {
      this.blame(1003, new FrameCorrupted({ detail: `a ${text ? "text" : "binary"} message` }))
      return
    }
    this.arrivals.message(data, text)
    if (this.arrivals.bytes > maximumWaiting + settings.maxMessageBytes) {
      this.blame(1009, new FrameTooLong({ limit: maximumWaiting, seen: this.arrivals.bytes }))
    }
  }

  /** The peer broke the rules: of the protocol, as `ws` has found, or of what `code` says. */
  private blame(code: number, error: FrameError): void {
    this.broken = error
    this.arrivals.break(error)
    this.answerLater(code)
  }

  private handleError(error: Error): void {
    const { asked } = this
    // Anything else broke the stream below, which tells itself.
    if (this.broken !== undefined || this.released || asked === undefined) return
    const { maxMessageBytes } = this.settings
    this.blame(
      asked,
      asked === 1009
        ? new FrameTooLong({ limit: maxMessageBytes, seen: maxMessageBytes + 1 })
        : new FrameCorrupted({ detail: error.message })
    )
  }

  private handlePeerClose(code: number, text: string): void {
    if (this.broken !== undefined || this.released) return
    this.peerCode = code
    if (!isOrderly(code)) {
      this.error = describeCode(code, text)
      this.reply(code)
      return
    }
    this.arrivals.end(code === 1005 ? undefined : code)
    this.answerLater(code)
  }

  /** Closes with this code when our side ends, or when it has had its time. */
  private answerLater(code: number): void {
    this.answer = code
    if (this.ended) return
    const delay = Duration.toMillis(this.settings.closeDelay)
    if (delay === 0) this.reply(code)
    else this.replying = setTimeout(() => this.reply(code), delay)
  }

  /** Answers the peer's close frame with its own code, or its mistake. */
  private reply(code: number): void {
    if (code === 1005) this.closeWith(undefined, "")
    else this.closeWith(code, "")
  }

  private closeWith(code: number | undefined, text: string): void {
    clearTimeout(this.replying)
    if (this.ended || this.released) return
    this.ended = true
    this.webSocket.closeNow(code, text)
  }

  /** The bytes of a `write` are with the kernel. They come in order. */
  private readonly handleSent = (error?: Error): void => {
    if (error) return
    this.sent++
    this.acknowledge()
    if (this.wantsDrain && !this.ended && this.webSocket.bufferedAmount <= highWaterMark / 2) {
      this.wantsDrain = false
      this.arrivals.drain()
    }
  }

  private acknowledge(): void {
    while (this.receipts.length > 0 && this.receipts[0]!.after <= this.sent) this.receipts.shift()!.written()
  }

  private release(): void {
    this.released = true
    clearTimeout(this.replying)
    this.arrivals.discard()
  }

  private handleClose(code: number, text: string): void {
    // The stream below may be gone before the last frames are inflated: then nobody asked to close.
    if (code !== 1006 && this.peerCode === undefined) this.handlePeerClose(code, text)
    clearTimeout(this.replying)
    const { broken, peerCode, released } = this
    this.released = true
    if (released || broken !== undefined || (peerCode !== undefined && isOrderly(peerCode))) {
      this.arrivals.close(undefined)
    } else if (peerCode === undefined) {
      this.arrivals.close(this.error ?? "closed without a close frame")
    } else {
      this.arrivals.close(this.error, peerCode)
    }
  }
}
