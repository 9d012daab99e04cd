/**
 * A growing byte buffer that framings append encoded frames to.
 *
 * One writer holds a whole batch, so that many small messages leave in one write.
 *
 * @since 0.1.0
 */
import { allocate, allocateAlone, utf8Length, writeUtf8 } from "./internal/bytes.ts"

/**
 * The order of the bytes of a number on the wire.
 *
 * @category models
 * @since 0.1.0
 */
export type ByteOrder = "big" | "little"

/**
 * A growing byte buffer. Numbers are unsigned; offsets count from the start of the buffer.
 *
 * The buffer doubles as it grows and starts small, so an idle connection holds nothing. It has no bound of
 * its own: whoever appends (the outbound queue, through its byte limit) keeps it bounded.
 *
 * @category models
 * @since 0.1.0
 */
export class ByteWriter {
  private buffer: Uint8Array = empty
  private used = 0
  private lastTaken = 0
  private readonly recycles: boolean

  /** `recycles` says that what is taken is mostly given back by {@link recycle}, however little it is. Default false. */
  constructor(recycles = false) {
    this.recycles = recycles
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.used
  }

  /**
   * The buffer itself, for who writes bytes one by one into what was reserved: from the offset that {@link reserve}
   * returned, and only until the next call, which may move it.
   */
  get bytes(): Uint8Array {
    return this.buffer
  }

  /** Makes room for `size` more bytes and returns the offset where they begin. Their content is undefined. */
  reserve(size: number): number {
    const start = this.used
    const end = start + size
    if (end > this.buffer.length) this.grow(end)
    this.used = end
    return start
  }

  /** Appends one byte. */
  writeByte(value: number): void {
    const at = this.reserve(1)
    this.buffer[at] = value
  }

  /** Appends a copy of `bytes`. */
  writeBytes(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length)
    this.buffer.set(bytes, at)
  }

  /** Appends `count` zero bytes. */
  writeZeros(count: number): void {
    const at = this.reserve(count)
    if (count > 16) this.buffer.fill(0, at, at + count)
    else for (let i = at; i < at + count; i++) this.buffer[i] = 0
  }

  /** Appends an unsigned integer of `width` bytes (1 to 8); `value` must be a safe integer that fits. */
  writeUint(value: number, width: number, order: ByteOrder): void {
    const at = this.reserve(width)
    this.setUint(at, value, width, order)
  }

  /** Appends the UTF-8 bytes of a text. Lone surrogates become U+FFFD. */
  writeText(text: string): void {
    // A long one is measured first, rather than that thrice its length is reserved.
    const most = text.length <= shortText ? text.length * 3 : utf8Length(text)
    const at = this.reserve(most)
    this.used = at + writeUtf8(text, this.buffer, at)
  }

  /** Overwrites what was written or reserved from `offset` on with a copy of `bytes`, which must fit. */
  setBytes(offset: number, bytes: Uint8Array): void {
    this.buffer.set(bytes, offset)
  }

  /** Overwrites `width` bytes at `offset`, which must have been written, with an unsigned integer. */
  setUint(offset: number, value: number, width: number, order: ByteOrder): void {
    const buffer = this.buffer
    if (width === 4 && order === "big") {
      // The usual length field, written without a loop.
      buffer[offset] = value >>> 24
      buffer[offset + 1] = value >>> 16
      buffer[offset + 2] = value >>> 8
      buffer[offset + 3] = value
      return
    }
    let rest = value
    if (order === "big") {
      for (let i = offset + width - 1; i >= offset; i--) {
        buffer[i] = rest & 0xff
        rest = rest > 0xffffffff ? Math.floor(rest / 256) : rest >>> 8
      }
    } else {
      for (let i = offset; i < offset + width; i++) {
        buffer[i] = rest & 0xff
        rest = rest > 0xffffffff ? Math.floor(rest / 256) : rest >>> 8
      }
    }
  }

  /** Forgets everything after the first `length` bytes: undoes a frame that could not be finished. */
  truncate(length: number): void {
    if (length < this.used) this.used = length
  }

  /** What has been written, as a view that the next write may move or change. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.used)
  }

  /** Hands the written bytes over to the caller and starts again with an empty buffer. */
  take(): Uint8Array {
    const bytes = this.view()
    this.lastTaken = this.used
    this.buffer = empty
    this.used = 0
    return bytes
  }

  private grow(needed: number): void {
    const { buffer, used } = this
    // A batch is often as long as the one before it, so that most are written without growing at all.
    const size = Math.max(needed, smallest, buffer.length === 0 ? this.lastTaken : buffer.length * 2)
    const next = shelfFor(size, this.recycles)?.take() ?? allocate(size)
    if (used > 0) next.set(buffer.subarray(0, used))
    this.buffer = next
  }
}

const shortText = 4096

const empty = new Uint8Array(0)
const smallest = 128

// Buffers for all writers of the process: under load a batch is written before the next one begins, and the garbage of
// two buffers for every chunk that passes is what a busy server's memory and much of its time are made of.
// A batch gets a buffer of at most eight times its size, or of a KiB: so much it may keep alive while a slow peer takes it.

class Shelf {
  readonly length: number
  /** How often there is nothing here before a new buffer is made; a writer gets one of its own meanwhile. */
  private readonly patience: number
  private missed: number
  private spare: Uint8Array | undefined
  /** What was handed out last. What was handed out before it is not taken back. */
  private lent: Uint8Array | undefined

  constructor(length: number, patience = 0) {
    this.length = length
    this.patience = patience
    this.missed = patience
  }

  take(): Uint8Array | undefined {
    let taken = this.spare
    if (taken === undefined) {
      if (this.missed++ < this.patience) return undefined
      this.missed = 0
      taken = allocateAlone(this.length)
    }
    this.spare = undefined
    this.lent = taken
    return taken
  }

  /** Takes a buffer back, if it is the one that was handed out last. Anything else of its size may be somebody else's. */
  put(buffer: ArrayBufferLike): boolean {
    const { lent } = this
    if (lent === undefined || lent.buffer !== buffer) return false
    this.spare = lent
    this.lent = undefined
    return true
  }
}

// A broadcast has a little for everybody before anything is written: not a KiB for each of them.
const tinyShelf = new Shelf(1024, 1024)
const smallShelf = new Shelf(16 * 1024)
const largeShelf = new Shelf(128 * 1024)

const shelfFor = (size: number, recycles: boolean): Shelf | undefined => {
  if (size > largeShelf.length) return undefined
  if (size > smallShelf.length) return largeShelf
  if (size > smallShelf.length / 8) return smallShelf
  return recycles && size <= tinyShelf.length ? tinyShelf : undefined
}

/**
 * Gives back what {@link ByteWriter.take} handed out and nobody reads any more, for the next batch of any writer.
 *
 * @category memory
 * @since 0.1.0
 */
export const recycle = ({ buffer }: Uint8Array): void => {
  if (!tinyShelf.put(buffer) && !smallShelf.put(buffer)) largeShelf.put(buffer)
}
