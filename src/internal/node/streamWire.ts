/** A wire over two streams of Node's: what is read from one, and written to the other. */
import type { Readable, Writable } from "node:stream"
import type { Address, TlsDetails, Wire, WireReceiver } from "../../Transport.ts"

/** What only the owner of the streams knows how to do. */
export interface StreamOwner {
  /** Ends our side, after all that was written. */
  readonly end: () => void
  /** Releases everything, and then calls `closed`; at once where it is `hard`. */
  readonly release: (hard: boolean) => void
}

/** The owner tells when both sides are over, by `closed`. */
export class StreamWire implements Wire {
  readonly localAddress: Address
  readonly remoteAddress: Address
  readonly tls: TlsDetails | undefined = undefined
  /** Whether the receiver wants nothing at the moment. */
  paused = true
  private readonly readable: Readable
  private readonly writable: Writable
  private readonly owner: StreamOwner
  private receiver: WireReceiver | undefined = undefined
  private peerEnded = false
  private endTold = false
  private ended = false
  private released = false
  private gone = false
  private error: string | undefined = undefined

  constructor(
    streams: { readonly readable: Readable; readonly writable: Writable },
    addresses: { readonly local: Address; readonly remote: Address },
    owner: StreamOwner
  ) {
    this.readable = streams.readable
    this.writable = streams.writable
    this.localAddress = addresses.local
    this.remoteAddress = addresses.remote
    this.owner = owner
  }

  get unsent(): number {
    return this.gone ? 0 : (this.writable.writableLength ?? 0)
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver
    if (this.gone) {
      queueMicrotask(() => this.tellEnd())
      return
    }
    this.paused = false
    this.writable.on("drain", this.onDrain)
    this.readable.on("data", this.onData)
    this.readable.resume()
    if (this.peerEnded) queueMicrotask(() => this.tellEnd())
  }

  pause(): void {
    this.paused = true
    this.readable.pause()
  }

  resume(): void {
    this.paused = false
    if (!this.gone) this.readable.resume()
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.ended || this.released || this.gone || !this.writable.writable) return false
    if (written === undefined) return this.writable.write(bytes)
    return this.writable.write(bytes, (error) => {
      if (error === null || error === undefined) written()
    })
  }

  end(): void {
    if (this.ended || this.released || this.gone) return
    this.ended = true
    this.owner.end()
  }

  reset(): void {
    this.release(true)
  }

  destroy(): void {
    this.release(false)
  }

  /** The peer's side is over. */
  inputEnded(): void {
    if (this.peerEnded || this.released || this.gone) return
    this.peerEnded = true
    if (this.receiver !== undefined) this.tellEnd()
  }

  /** Both sides are over, because of `error` if there is one. */
  closed(error: string | undefined): void {
    if (this.gone) return
    this.gone = true
    this.error = error
    this.readable.off("data", this.onData)
    this.writable.off("drain", this.onDrain)
    queueMicrotask(() => this.tellEnd())
  }

  private release(hard: boolean): void {
    if (this.gone || (this.released && !hard)) return
    this.released = true
    this.readable.off("data", this.onData)
    this.writable.off("drain", this.onDrain)
    this.owner.release(hard)
  }

  /** What has ended and was not told yet. */
  private tellEnd(): void {
    const { receiver } = this
    if (receiver === undefined) return
    if (this.peerEnded && !this.endTold && !this.released) {
      this.endTold = true
      receiver.onEnd()
    }
    if (!this.gone) return
    this.receiver = undefined
    receiver.onClose(this.error)
  }

  private readonly onData = (chunk: Uint8Array): void => {
    this.receiver?.onData(chunk)
  }

  private readonly onDrain = (): void => {
    this.receiver?.onDrain()
  }
}
