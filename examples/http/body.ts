/** Bodies that did not come together with their heads. */
import { ByteWriter } from "effect-sluice"
import type { Refusal } from "./limits.ts"

/** A body of which a part has come. */
export interface Body {
  /** Takes what is its own from the bytes at `at` on, and returns where that ends; -1 for a problem. */
  readonly read: (bytes: Uint8Array, at: number) => number
  readonly whole: boolean
  readonly problem: Refusal | undefined
  /** How many bytes are held. */
  readonly held: number
  /** Hands the body over. */
  readonly take: () => Uint8Array
}

/** So many bytes. Memory grows with what has come, not with what was announced. */
export class LengthBody implements Body {
  readonly problem = undefined
  private readonly data = new ByteWriter.ByteWriter()
  private left: number

  constructor(length: number) {
    this.left = length
  }

  get whole(): boolean {
    return this.left === 0
  }

  get held(): number {
    return this.data.length
  }

  read(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.left)
    this.data.writeBytes(bytes.subarray(at, end))
    this.left -= end - at
    return end
  }

  take(): Uint8Array {
    return this.data.take()
  }
}
