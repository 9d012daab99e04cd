/** Frames that wait one by one, for the policies that drop or replace what is queued already. */
import type { ByteWriter } from "../ByteWriter.ts"

interface Entry {
  /** Undefined once it was dropped. */
  frame: Uint8Array | undefined
}

/** Frames for many peers that are this long, in bytes, are not copied while they wait. */
export const shareFrom = 4096

/**
 * Lives from the first such message to the next flush, which empties it: while it is there, everything that is sent
 * goes here, in order.
 */
export class FrameLane {
  /** Bytes of the frames that wait. */
  bytes = 0
  private entries: Array<Entry> = []
  private gaps = 0
  /** Those that may be dropped for newer ones, in order, from `oldest` on. */
  private evictable: Array<Entry> = []
  private oldest = 0
  private byKey: Map<unknown, Entry> | undefined

  /** Appends a frame that stays. */
  push(frame: Uint8Array): Entry {
    const entry = { frame }
    this.entries.push(entry)
    this.bytes += frame.length
    return entry
  }

  /** Appends a frame that may be dropped for newer ones. */
  pushEvictable(frame: Uint8Array): void {
    this.evictable.push(this.push(frame))
  }

  /** Appends a frame that one of the same key will replace. */
  pushKeyed(key: unknown, frame: Uint8Array): void {
    this.byKey ??= new Map()
    this.byKey.set(key, this.push(frame))
  }

  /** The frame that waits under a key. */
  get(key: unknown): Uint8Array | undefined {
    return this.byKey?.get(key)?.frame
  }

  /** Puts a frame in the place of the one that waits under its key. */
  replace(key: unknown, frame: Uint8Array): void {
    const entry = this.byKey?.get(key)
    if (entry?.frame === undefined) return
    this.bytes += frame.length - entry.frame.length
    entry.frame = frame
  }

  /** Drops the oldest of those that may be, and returns it. */
  evict(): Uint8Array | undefined {
    const entry = this.evictable[this.oldest]
    const frame = entry?.frame
    if (entry === undefined || frame === undefined) return undefined
    entry.frame = undefined
    this.oldest++
    this.gaps++
    this.bytes -= frame.length
    // A peer that stands still must not make the list of what is gone grow.
    if (this.gaps > 64 && this.gaps * 2 > this.entries.length) this.compact()
    return frame
  }

  /** Moves all frames to the end of `writer`. */
  drainTo(writer: ByteWriter): void {
    for (const { frame } of this.entries) {
      if (frame !== undefined) writer.writeBytes(frame)
    }
  }

  private compact(): void {
    this.entries = this.entries.filter(({ frame }) => frame !== undefined)
    this.evictable = this.evictable.slice(this.oldest)
    this.oldest = 0
    this.gaps = 0
  }
}
