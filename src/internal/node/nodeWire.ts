/**
 * A wire over a Node socket. The listeners are shared by all sockets and find their wire on the socket, so that
 * a connection costs one small object and no closure.
 */
import type * as Net from "node:net"
import type { StartTlsOptions } from "../../Tls.ts"
import type { Address, ProxiedBy, TlsDetails, Wire, WireReceiver } from "../../Transport.ts"
import { tcpAddress } from "./nodeAddress.ts"
import { errorCode } from "./nodeError.ts"
import type { Preamble } from "./preamble.ts"
import { prepareStartTls } from "./startTls.ts"

const wireKey = Symbol("effect-sluice/wire")

interface WiredSocket extends Net.Socket {
  [wireKey]: NodeWire
}

/** How to break a connection so that the peer notices. */
export type ResetSocket = (socket: Net.Socket) => void

/** A TCP reset. */
export const resetTcp: ResetSocket = (socket) => {
  // After our own end the system refuses a reset (EINVAL), and Node would then never tell of the close.
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** Unix sockets know no reset. */
export const resetByDestroy: ResetSocket = (socket) => {
  socket.destroy()
}

function onData(this: WiredSocket, chunk: Uint8Array): void {
  const wire = this[wireKey]
  if (wire.preamble !== undefined && wire.isUnexpected(chunk)) return
  wire.receiver?.onData(chunk)
}

function onDrain(this: WiredSocket): void {
  this[wireKey].receiver?.onDrain()
}

function onEnd(this: WiredSocket): void {
  this[wireKey].handleEnd()
}

function onError(this: WiredSocket, error: Error): void {
  this[wireKey].handleError(error)
}

function onClose(this: WiredSocket): void {
  this[wireKey].handleClose()
}

/** What Node's own timeouts look at to see a slow write get on; see `Socket._onTimeout`. */
type HandledSocket = Net.Socket & {
  readonly _handle?: { readonly writeQueueSize?: number } | null
}

/**
 * The socket must be connected, half-open and silent: no 'data' listener, and paused where it reads by itself.
 */
export class NodeWire implements Wire {
  tls: TlsDetails | undefined
  /** Whom to tell; undefined until it attaches and after the end. */
  receiver: WireReceiver | undefined = undefined
  proxy: ProxiedBy | undefined = undefined
  /** Looks at what comes first, until it has made up its mind. */
  preamble: Preamble | undefined = undefined
  private socket: Net.Socket
  private resetSocket: ResetSocket
  /** From the end of plain text until the handshake is through. */
  private upgrading = false
  private error: string | undefined = undefined
  private released = false
  private ended = false
  private closed = false
  /** Our side has ended. */
  private finished = false
  private lastWrite = 0

  private local: Address | undefined
  private remote: Address | undefined

  /** Without an address, the one of the socket is told when somebody wants to know. */
  constructor(
    socket: Net.Socket,
    localAddress: Address | undefined,
    remoteAddress: Address | undefined,
    tls: TlsDetails | undefined,
    resetSocket: ResetSocket
  ) {
    this.socket = socket
    this.local = localAddress
    this.remote = remoteAddress
    // Once asked, Node knows it when the socket is gone, too.
    if (remoteAddress === undefined) void socket.remoteAddress
    this.tls = tls
    this.resetSocket = resetSocket
    // A plain socket, on which the shared listeners find their wire from here on.
    const wired = socket as WiredSocket
    wired[wireKey] = this
    wired.on("error", onError)
    wired.on("end", onEnd)
    wired.on("close", onClose)
  }

  get localAddress(): Address {
    this.local ??= tcpAddress(this.socket.localAddress, this.socket.localPort)
    return this.local
  }

  get remoteAddress(): Address {
    this.remote ??= tcpAddress(this.socket.remoteAddress, this.socket.remotePort)
    return this.remote
  }

  /** The socket, for who speaks another protocol on it. Nobody attaches to the wire then. */
  get raw(): Net.Socket {
    return this.socket
  }

  get unsent(): number {
    const length = this.socket.writableLength
    // Node counts a write as one until all of it has left. While one is alone underway, its handle knows more.
    if (length === 0 || length !== this.lastWrite) return length
    // Not in the types; where Node should lose it, a write simply counts as one again.
    const queued = (this.socket as HandledSocket)._handle?.writeQueueSize
    return queued !== undefined && queued > 0 && queued < length ? queued : length
  }

  attach(receiver: WireReceiver): void {
    if (this.ended || this.closed) {
      // What was before is told in a turn of its own, as everything after it is.
      queueMicrotask(() => this.tellPast(receiver))
      return
    }
    this.receiver = receiver
    this.socket.on("drain", onDrain)
    this.socket.on("data", onData)
    this.socket.resume()
  }

  /** Whether the bytes that come first are no data; the receiver is told so. */
  isUnexpected(chunk: Uint8Array): boolean {
    const found = this.preamble?.look(chunk)
    if (found === "more") return false
    this.preamble = undefined
    if (found === undefined) return false
    const { receiver } = this
    if (receiver?.onUnexpected === undefined) return false
    receiver.onUnexpected(found)
    return true
  }

  pause(): void {
    if (!this.upgrading) this.socket.pause()
  }

  resume(): void {
    if (!this.upgrading) this.socket.resume()
  }

  startTls(options: StartTlsOptions): ReturnType<NonNullable<Wire["startTls"]>> {
    return prepareStartTls(this, options)
  }

  /** Tells the receiver nothing more but the close. Returns the socket, and how many bytes it had read. */
  release(): { readonly socket: Net.Socket; readonly discarded: number } {
    const { socket } = this
    this.upgrading = true
    this.preamble = undefined
    socket.off("data", onData)
    socket.off("drain", onDrain)
    socket.off("end", onEnd)
    socket.pause()
    let discarded = 0
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) discarded += chunk.length
    return { socket, discarded }
  }

  /** Goes on over a socket above the one that was released. It is paused. */
  adopt(above: Net.Socket, tls: TlsDetails): void {
    const { resetSocket, socket: below } = this
    below.off("error", onError)
    below.off("close", onClose)
    // From here on the socket above tells what happens.
    this.remote = this.remoteAddress
    below.on("error", () => {})
    this.tls = tls
    this.socket = above
    // A reset is the lower one's; after our own end the system refuses one.
    this.resetSocket = () => (above.writableEnded ? above.destroy() : resetSocket(below))
    this.lastWrite = 0
    this.upgrading = false
    const wired = above as WiredSocket
    wired[wireKey] = this
    wired.on("error", onError)
    wired.on("end", onEnd)
    wired.on("close", onClose)
    above.pause()
    wired.on("drain", onDrain)
    wired.on("data", onData)
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    const socket = this.socket
    // Of a socket that broke, Node itself takes nothing.
    if (this.closed || this.finished) return false
    this.lastWrite = bytes.length
    if (written === undefined) {
      return socket.write(bytes)
    }
    return socket.write(bytes, (error) => {
      if (!error) {
        written()
      }
    })
  }

  end(): void {
    this.finished = true
    if (this.socket.writable) {
      this.socket.end()
    }
  }

  reset(): void {
    if (!this.released) {
      this.released = true
      this.resetSocket(this.socket)
    }
  }

  destroy(): void {
    if (!this.released) {
      this.released = true
      this.socket.destroy()
    }
  }

  handleEnd(): void {
    if (this.released) {
      return
    }
    this.ended = true
    this.receiver?.onEnd()
  }

  handleError(error: Error): void {
    if (!this.released && this.error === undefined) {
      this.error = errorCode(error)
    }
  }

  handleClose(): void {
    this.closed = true
    const receiver = this.receiver
    this.receiver = undefined
    receiver?.onClose(this.error)
  }

  private tellPast(receiver: WireReceiver): void {
    if (this.ended) {
      receiver.onEnd()
    }
    if (this.closed) {
      receiver.onClose(this.error)
      return
    }
    this.receiver = receiver
    this.socket.on("drain", onDrain)
  }
}
