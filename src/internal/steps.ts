/** How a protocol is read that may be left: one message at a time, and only when somebody asks for it. */
import { CloseReason } from "../CloseReason.ts"
import type { FrameDecoder } from "../Framing.ts"
import { emptyBytes, totalLength } from "./bytes.ts"
import type { ConnectionImpl } from "./connection.ts"
import { passedOver } from "./decoding.ts"
import { HeldBytes } from "./heldBytes.ts"
import type { Ending, Reader } from "./reader.ts"

export class Steps<In, Out> {
  /** How the input ends behind what is held. */
  ending: Ending | undefined

  private readonly connection: ConnectionImpl<In, Out>
  private readonly reader: Reader<In, Out>
  private readonly held = new HeldBytes()
  private running = false

  constructor(connection: ConnectionImpl<In, Out>, reader: Reader<In, Out>) {
    this.connection = connection
    this.reader = reader
  }

  /** How many bytes are held. */
  get length(): number {
    return this.held.length
  }

  /** The next bytes, for which `charged` count. */
  chunk(chunk: Uint8Array, charged: number, now: number): void {
    // By our drain, say: what comes after it is not read any more.
    if (this.ending !== undefined) return
    this.held.add(chunk)
    const exceeded = this.reader.rate?.charge(charged, [], now)
    if (exceeded !== undefined) {
      const reason = CloseReason.RateExceeded({ limit: exceeded })
      this.ending = reason
      this.connection.breaking(reason)
    }
    this.run()
    this.reader.resumeOrPause()
  }

  /**
   * Whether the input's end has to wait: the bytes before it have not been looked at, or began a frame that nobody has
   * asked for and that may be of another protocol.
   */
  defers(decoder: FrameDecoder, ending: Ending): boolean {
    const waits = this.length > 0 || (ending === "end" && decoder.buffered > 0 && !this.wanted)
    if (waits) this.ending ??= ending
    return waits
  }

  /**
   * Frames a message for whoever waits for one, and the next if that was none or somebody asks at once. A handler may
   * ask, or leave the protocol, within the call that hands it a message.
   */
  run(): void {
    if (this.running) return
    this.running = true
    while (this.reader.steps === this && this.reader.decoder !== undefined && this.wanted) {
      if (!this.step(this.reader.decoder)) break
    }
    this.running = false
    this.connection.account()
  }

  /** The bytes that no frame has taken. */
  take(decoder: FrameDecoder | undefined): Uint8Array {
    return this.held.take(decoder?.remaining() ?? emptyBytes)
  }

  private get wanted(): boolean {
    const { messages, rate } = this.reader
    return this.connection.inbound.awaited && !messages.busy && rate?.holding !== true
  }

  /** Says whether anything happened. */
  private step(decoder: FrameDecoder): boolean {
    const { ending, held, reader } = this
    if (held.length > 0) {
      this.frame(decoder)
      return true
    }
    if (ending === undefined) return false
    if (ending === "end") reader.endDecoder(decoder)
    else reader.ending(ending)
    return true
  }

  private frame(decoder: FrameDecoder): void {
    const { held, reader } = this
    const frames: Array<Uint8Array> = []
    const { skipped } = decoder
    const passed = reader.frameSince < 0 ? 0 : passedOver(decoder)
    const now = this.connection.shared.now()
    const before = decoder.buffered + held.length
    const error = held.frame(decoder, frames)
    reader.framed(decoder, frames, skipped, passed, now)
    reader.rate?.admit(emptyBytes, now)
    const exceeded = reader.rate?.charge(0, frames, now)
    const { messageFrames } = this.connection.shared
    const bytes = messageFrames ? before - decoder.buffered - held.length : totalLength(frames)
    reader.messages.handle(frames, bytes)
    // Who took the message may have left the protocol with it.
    if (reader.decoder !== decoder) return
    if (exceeded !== undefined) reader.ending(CloseReason.RateExceeded({ limit: exceeded }))
    else if (error !== undefined) reader.ending(CloseReason.FrameError({ error }))
  }
}
