/** A wire as a stream of Node, for what speaks HTTP over it. */
import { Duplex } from "node:stream"
import type { Wire, WireReceiver } from "../../../Transport.ts"

/** Takes the wire over: it must not be attached before, nor afterwards. */
export class WireDuplex extends Duplex implements WireReceiver {
  private readonly wire: Wire
  private continue: (() => void) | undefined

  constructor(wire: Wire) {
    super({ allowHalfOpen: true })
    this.wire = wire
    wire.pause()
    wire.attach(this)
  }

  onData(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    if (!this.push(bytes)) this.wire.pause()
  }

  onEnd(): void {
    this.push(null)
  }

  onDrain(): void {
    const next = this.continue
    this.continue = undefined
    next?.()
  }

  onClose(error: string | undefined): void {
    this.destroy(error === undefined ? undefined : Object.assign(new Error(error), { code: error }))
  }

  override _read(): void {
    this.wire.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.wire.write(chunk)) callback()
    else this.continue = callback
  }

  override _writev(chunks: ReadonlyArray<{ readonly chunk: Buffer }>, callback: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "utf8", callback)
  }

  override _final(callback: () => void): void {
    this.wire.end()
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.wire.destroy()
    callback(error)
  }
}
