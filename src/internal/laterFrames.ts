/** Frames of one chunk that wait for a later turn. */
import { totalLength } from "./bytes.ts"

interface Turn {
  readonly frames: Array<Uint8Array>
  readonly bytes: number
}

export class LaterFrames {
  /** How long those that wait are together. */
  bytes: number
  private frames: Array<Uint8Array>
  private readonly messageFrames: boolean

  /** `messageFrames` says that frames are messages, which do not say how long they were: each counts for the same. */
  constructor(frames: Array<Uint8Array>, bytes: number, messageFrames: boolean) {
    this.frames = frames
    this.bytes = bytes
    this.messageFrames = messageFrames
  }

  get count(): number {
    return this.frames.length
  }

  add(frames: Array<Uint8Array>, bytes: number): void {
    for (const frame of frames) this.frames.push(frame)
    this.bytes += bytes
  }

  take(count: number): Turn {
    if (count >= this.frames.length) return this.takeAll()
    const frames = this.frames.slice(0, count)
    const bytes = this.messageFrames
      ? Math.floor((this.bytes * count) / this.frames.length)
      : totalLength(frames)
    this.frames = this.frames.slice(count)
    this.bytes -= bytes
    return { frames, bytes }
  }

  takeAll(): Turn {
    const { bytes, frames } = this
    this.frames = []
    this.bytes = 0
    return { frames, bytes }
  }
}
