/** The decoder behind every framing that says before a frame how long it is. */
import { FrameCorrupted, type FrameError, FrameTooLong, FrameTruncated } from "../../SluiceError.ts"
import { Accumulator, viewOf } from "./accumulator.ts"
import type { EndPolicy } from "./options.ts"

/** What such a decoder needs to know of its options. */
export interface PrefixPolicy {
  readonly maxLength: number
  readonly skip: boolean
  readonly end: EndPolicy
}

/** Cuts frames whose header declares their length. A framing brings `measure`, which reads the header. */
export abstract class PrefixDecoder<Policy extends PrefixPolicy = PrefixPolicy> extends Accumulator {
  protected readonly policy: Policy
  /** Set by `measure`: the payload bytes that the header declares, which the limit counts. */
  protected declared = 0
  /** Set by `measure`: where in the frame what is handed over begins. */
  protected bodyAt = 0
  /** The size of the frame being held or skipped; zero or less: minus the bytes that its header still needs. */
  private need = 0
  /** How many bytes of a frame that is left out are still to come. */
  private skipping = 0

  constructor(policy: Policy) {
    super()
    this.policy = policy
  }

  get discarding(): boolean {
    return this.skipping > 0
  }

  /**
   * Reads the header of the frame that begins at `from`: answers the frame's size with header and trailer, or minus
   * the number of bytes that are missing to tell (at least one), or zero after a call of `fail`.
   */
  protected abstract measure(bytes: Uint8Array, from: number, to: number): number

  /** How many bytes at the end of a frame are not handed over. */
  protected trailing(): number {
    return 0
  }

  /** Whether a frame may end in this byte. */
  protected endsWell(_last: number): boolean {
    return true
  }

  push(chunk: Uint8Array, frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined || chunk.length === 0) return this.failure
    const at = this.held > 0 || this.skipping > 0 ? this.resume(chunk, frames) : 0
    return this.failure === undefined && at < chunk.length ? this.run(chunk, at, frames) : this.failure
  }

  /** Cuts what begins at `at`, a frame's first byte, and holds what is left. */
  protected run(chunk: Uint8Array, at: number, frames: Array<Uint8Array>): FrameError | undefined {
    const length = chunk.length
    while (at < length) {
      const size = this.measure(chunk, at, length)
      if (this.failure !== undefined) return this.failure
      if (size > 0 && this.declared > this.policy.maxLength) {
        at = this.leaveOut(chunk, at, size, size)
        if (this.failure !== undefined) return this.failure
      } else if (size <= 0 || size > length - at) {
        this.need = size
        this.hold(chunk, at, length, size > 0 ? size : length - at - size)
        return undefined
      } else {
        const end = at + size
        if (!this.endsWell(chunk[end - 1]!)) return this.fail(wrongEnd())
        frames.push(viewOf(chunk, at + this.bodyAt, end - this.trailing()))
        at = end
      }
    }
    return undefined
  }

  end(frames: Array<Uint8Array>): FrameError | undefined {
    if (this.failure !== undefined) return this.failure
    const pending = this.skipping > 0 ? this.need - this.skipping : this.held
    if (pending === 0) return undefined
    if (this.policy.end === "fail") return this.fail(new FrameTruncated({ pending }))
    if (this.policy.end === "emit" && this.held > 0) frames.push(this.remaining())
    this.skipping = 0
    this.release()
    return undefined
  }

  /** Goes on with the frame that earlier chunks began, and answers where in this chunk it ends. */
  private resume(chunk: Uint8Array, frames: Array<Uint8Array>): number {
    if (this.skipping > 0) return this.skip(chunk, 0)
    let at = 0
    while (this.need <= 0) {
      const next = Math.min(at - this.need, chunk.length)
      this.hold(chunk, at, next, this.held - this.need)
      at = next
      this.need = this.measure(this.buffer, 0, this.held)
      if (this.failure !== undefined) return at
      if (this.need > 0 && this.declared > this.policy.maxLength) {
        const rest = this.need - this.held
        this.release()
        return this.leaveOut(chunk, at, this.need, rest)
      }
      if (this.need <= 0 && at === chunk.length) return at
    }
    const end = Math.min(at + this.need - this.held, chunk.length)
    this.hold(chunk, at, end, this.need)
    if (this.held === this.need) this.finish(frames)
    return end
  }

  private finish(frames: Array<Uint8Array>): void {
    if (!this.endsWell(this.buffer[this.need - 1]!)) {
      this.fail(wrongEnd())
      return
    }
    frames.push(viewOf(this.buffer, this.bodyAt, this.need - this.trailing()))
    this.release()
  }

  /** Fails over a frame of `size` bytes that is too long, or begins to skip the `rest` of it that is still to come. */
  private leaveOut(chunk: Uint8Array, at: number, size: number, rest: number): number {
    if (!this.policy.skip) {
      this.fail(new FrameTooLong({ limit: this.policy.maxLength, seen: this.declared }))
      return at
    }
    this.skipped++
    this.need = size
    this.skipping = rest
    return this.skip(chunk, at)
  }

  private skip(chunk: Uint8Array, at: number): number {
    const left = chunk.length - at
    if (left < this.skipping) {
      this.skipping -= left
      return chunk.length
    }
    const end = at + this.skipping
    this.skipping = 0
    if (!this.endsWell(chunk[end - 1]!)) this.fail(wrongEnd())
    return end
  }
}

const wrongEnd = (): FrameCorrupted =>
  new FrameCorrupted({ detail: "the frame does not end where it should" })
