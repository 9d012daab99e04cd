/** What many peers get in one turn, joined once for all of them. */
import { allocate } from "./bytes.ts"

/**
 * A frame, or several one behind the other, that many queues hold at the same time. Queues that were offered the same
 * frames hold the same object, and hand the same bytes to their wires. So nobody may change these bytes, nor give them
 * back for another batch.
 */
export class SharedFrames {
  /** How many bytes. */
  readonly length: number
  private readonly frame: Uint8Array
  private readonly before: SharedFrames | undefined
  private joined: Uint8Array | undefined
  /** What comes of this and the frame that followed last: mostly all queues are offered the same one next. */
  private next: SharedFrames | undefined

  constructor(frame: Uint8Array, before?: SharedFrames) {
    this.length = before === undefined ? frame.length : before.length + frame.length
    this.frame = frame
    this.before = before
    this.joined = before === undefined ? frame : undefined
    this.next = undefined
  }

  /** These frames and, behind them, the last one of `others`. */
  followedBy(others: SharedFrames): SharedFrames {
    if (this.next?.frame !== others.frame) this.next = new SharedFrames(others.frame, this)
    return this.next
  }

  /** All of it. */
  get bytes(): Uint8Array {
    this.joined ??= this.join()
    return this.joined
  }

  private join(): Uint8Array {
    const bytes = allocate(this.length)
    let end = this.length
    let frames: SharedFrames | undefined = this
    while (frames !== undefined) {
      end -= frames.frame.length
      bytes.set(frames.frame, end)
      frames = frames.before
    }
    return bytes
  }
}
