/** A 4-byte big-endian length and as many bytes, by hand and as fast as Node lets us: what the by-hand servers use. */

const maxLength = 1024 * 1024

/** Cuts chunks into frames. A frame is a view into its chunk unless it straddles two. */
export class FrameReader {
  private readonly header = new Uint8Array(4)
  private headerBytes = 0
  private body: Uint8Array | undefined
  private bodyBytes = 0

  /** Appends the frames that end in `chunk`. Throws for a frame above 1 MiB. */
  push(chunk: Uint8Array, frames: Array<Uint8Array>): void {
    const { buffer, byteOffset, length } = chunk
    let at = this.headerBytes === 0 ? 0 : this.complete(chunk, frames)
    while (length - at >= 4) {
      const size =
        ((chunk[at]! << 24) | (chunk[at + 1]! << 16) | (chunk[at + 2]! << 8) | chunk[at + 3]!) >>> 0
      if (size > length - at - 4) break
      frames.push(new Uint8Array(buffer, byteOffset + at + 4, size))
      at += 4 + size
    }
    if (at < length) this.complete(at === 0 ? chunk : chunk.subarray(at), frames)
  }

  /** Goes on with the frame under construction; returns how many bytes it took. */
  private complete(chunk: Uint8Array, frames: Array<Uint8Array>): number {
    let at = 0
    while (this.headerBytes < 4) {
      if (at === chunk.length) return at
      this.header[this.headerBytes++] = chunk[at++]!
    }
    if (this.body === undefined) {
      const [a, b, c, d] = this.header
      const size = ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0
      if (size > maxLength) throw new Error(`a frame of ${size} bytes`)
      this.body = new Uint8Array(size)
    }
    const taken = Math.min(chunk.length - at, this.body.length - this.bodyBytes)
    this.body.set(chunk.subarray(at, at + taken), this.bodyBytes)
    this.bodyBytes += taken
    if (this.bodyBytes === this.body.length) {
      frames.push(this.body)
      this.body = undefined
      this.headerBytes = this.bodyBytes = 0
    }
    return at + taken
  }
}

/** All frames in one buffer. */
export const encodeFrames = (payloads: ReadonlyArray<Uint8Array>): Buffer => {
  let total = 0
  for (let i = 0; i < payloads.length; i++) total += 4 + payloads[i]!.length
  const out = Buffer.allocUnsafe(total)
  let at = 0
  for (let i = 0; i < payloads.length; i++) {
    const payload = payloads[i]!
    const { length } = payload
    out[at] = length >>> 24
    out[at + 1] = length >>> 16
    out[at + 2] = length >>> 8
    out[at + 3] = length
    out.set(payload, at + 4)
    at += 4 + length
  }
  return out
}
