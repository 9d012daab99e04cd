/** What the decoders that cut at the end of a JSON value have in common: the value that has begun. */
import { type FrameError, FrameTooLong } from "../../SluiceError.ts"
import { Accumulator, viewOf } from "./accumulator.ts"
import { JsonScanner } from "./jsonScanner.ts"
import type { EndPolicy } from "./options.ts"

/** What such a decoder needs to know of its options. */
export interface JsonPolicy {
  readonly maxLength: number
  readonly skip: boolean
  readonly end: EndPolicy
}

/** Holds the value that straddles chunks, and leaves it out once it is too long. */
export abstract class JsonValueDecoder extends Accumulator {
  protected readonly policy: JsonPolicy
  protected readonly scanner = new JsonScanner()
  /** While a value is left out. Then nothing is held. */
  protected skipping = false
  /** How many bytes of it have passed. */
  protected lost = 0

  constructor(policy: JsonPolicy) {
    super()
    this.policy = policy
  }

  get discarding(): boolean {
    return this.skipping
  }

  /** Takes the value's bytes from `from` to `to`, where it ends or the chunk does. */
  protected take(
    chunk: Uint8Array,
    from: number,
    to: number,
    ended: boolean,
    frames: Array<Uint8Array>
  ): FrameError | undefined {
    const { maxLength, skip } = this.policy
    if (!this.skipping && this.held + to - from > maxLength) {
      if (!skip) return this.fail(new FrameTooLong({ limit: maxLength, seen: maxLength + 1 }))
      this.skipped++
      this.leaveOut()
    }
    if (this.skipping) this.lost += to - from
    else if (this.held > 0 || !ended) this.hold(chunk, from, to, maxLength)
    else frames.push(viewOf(chunk, from, to))
    if (!ended) return undefined
    if (this.held > 0) frames.push(viewOf(this.buffer, 0, this.held))
    this.restart()
    return undefined
  }

  /** Holds no more of what has begun, and none of what comes. */
  protected leaveOut(): void {
    this.skipping = true
    this.lost = this.held
    this.release()
  }

  /** Forgets the value. */
  protected restart(): void {
    this.skipping = false
    this.lost = 0
    this.scanner.reset()
    this.release()
  }
}
