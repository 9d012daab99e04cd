/**
 * File descriptors, before they run out.
 *
 * When a peer cannot be accepted for want of descriptors, Node gives up one that it keeps in reserve, and with it
 * resets everyone who waits, without an error or event; and it has no way to stop accepting but to stop listening,
 * which resets them too. So it is not let come to that. A descriptor is always the lowest that is free: a peer whose
 * descriptor is one of the last few tells that all others are taken. It waits, unread, as it would in the kernel, and is
 * let in once there is room; who gets the very last one is turned away, so that it is free for the next.
 */
import * as Fs from "node:fs"
import type * as Net from "node:net"
import type { Acceptor } from "../../Transport.ts"
import { tcpAddress, unknownAddress } from "./nodeAddress.ts"

/** How many descriptors the process may have; infinite where the system does not tell. */
export const descriptorLimit = (): number => {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(Fs.readFileSync("/proc/self/limits", "latin1"))?.[1]
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

interface HandledSocket {
  readonly _handle?: { readonly fd?: number } | null
}

const descriptorOf = (socket: Net.Socket): number =>
  // Not in the types; where Node should lose it, nobody waits, and Node resets peers as it does.
  (socket as unknown as HandledSocket)._handle?.fd ?? -1

/** Milliseconds to the next look for room: from the first, doubled while there is none, to the last. */
const shortestDelay = 5
const longestDelay = 1000

/** Milliseconds that a peer waits at most. */
const patience = 5000

interface Waiting {
  readonly socket: Net.Socket
  readonly due: number
}

/** Stands between a Node server and its connections. */
export class DescriptorGuard {
  private readonly acceptor: Acceptor
  private readonly letIn: (socket: Net.Socket) => void
  private readonly last: number
  /** From this descriptor on, peers wait. */
  private readonly few: number
  private waiting: Array<Waiting> = []
  private timer: NodeJS.Timeout | undefined
  private delay = shortestDelay
  /** The shortage at hand has been told. */
  private told = false

  constructor(acceptor: Acceptor, letIn: (socket: Net.Socket) => void, limit = descriptorLimit()) {
    this.acceptor = acceptor
    this.letIn = letIn
    this.last = limit - 1
    this.few = limit - Math.min(64, Math.max(4, Math.floor(limit / 32)))
  }

  /** Whether somebody waits. */
  get busy(): boolean {
    return this.waiting.length > 0
  }

  /** The server has accepted somebody. */
  arrive(socket: Net.Socket): void {
    const descriptor = descriptorOf(socket)
    if (descriptor < this.few && !this.busy) {
      this.told = false
      this.letIn(socket)
      return
    }
    socket.on("error", () => {})
    if (descriptor >= this.last) {
      this.turnAway(socket)
      return
    }
    // Behind somebody who waits, although there is room again, nobody begins a shortage.
    if (!this.told && descriptor >= this.few) {
      this.told = true
      const detail = "EMFILE: almost out of file descriptors, this peer and the next ones wait"
      this.acceptor.onError({ address: addressOf(socket), kind: "Descriptors", detail })
    }
    this.waiting.push({ socket, due: performance.now() + patience })
    if (descriptor < this.few) this.look()
    else this.timer ??= setTimeout(this.look, this.delay)
  }

  /** Nobody waits any more. */
  close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const { waiting } = this
    this.waiting = []
    for (const { socket } of waiting) this.turnAway(socket)
  }

  private readonly look = (): void => {
    clearTimeout(this.timer)
    this.timer = undefined
    this.waiting = this.waiting.filter(({ socket }) => !socket.destroyed)
    const now = performance.now()
    const admitted = this.waiting.splice(0, this.room(this.waiting.length))
    // All wait equally long, so that the first is the first whose time is over.
    let late = 0
    while ((this.waiting[late]?.due ?? Number.POSITIVE_INFINITY) <= now) late++
    const dismissed = this.waiting.splice(0, late)
    this.delay = admitted.length > 0 || !this.busy ? shortestDelay : Math.min(2 * this.delay, longestDelay)
    if (this.busy) this.timer = setTimeout(this.look, this.delay)
    for (const { socket } of admitted) this.letIn(socket)
    for (const { socket } of dismissed) this.turnAway(socket)
  }

  /** How many descriptors are free below the last few, as far as `enough`. */
  private room(enough: number): number {
    const free: Array<number> = []
    try {
      while (free.length < enough) {
        const descriptor = Fs.openSync("/dev/null", "r")
        free.push(descriptor)
        if (descriptor >= this.few) return free.length - 1
      }
    } catch {
      // There is no more.
    } finally {
      for (const descriptor of free) Fs.closeSync(descriptor)
    }
    return free.length
  }

  private turnAway(socket: Net.Socket): void {
    const address = addressOf(socket)
    socket.destroy()
    this.acceptor.onError({ address, kind: "Descriptors", detail: "EMFILE: out of file descriptors" })
  }
}

const addressOf = (socket: Net.Socket) =>
  socket.remotePort === undefined ? unknownAddress : tcpAddress(socket.remoteAddress, socket.remotePort)
