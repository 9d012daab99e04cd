/** Peers for whom no process is free: they wait, unread and in order, and not for ever. */
import type * as Net from "node:net"

export interface LobbyLimits {
  readonly maxWaiting: number
  /** Milliseconds. */
  readonly wait: number
}

/** What became of a peer: a process has it, the one that it belongs to is busy, or all are. */
export type Taking = "taken" | "busy" | "full"

interface Guest {
  readonly socket: Net.Socket
  readonly due: number
}

export class Lobby {
  private readonly limits: LobbyLimits
  private readonly turnAway: (socket: Net.Socket, detail: string) => void
  private guests: Array<Guest> = []
  private timer: NodeJS.Timeout | undefined

  constructor(limits: LobbyLimits, turnAway: (socket: Net.Socket, detail: string) => void) {
    this.limits = limits
    this.turnAway = turnAway
  }

  get size(): number {
    return this.guests.length
  }

  arrive(socket: Net.Socket): void {
    const { maxWaiting, wait } = this.limits
    if (this.guests.length >= maxWaiting) {
      this.turnAway(socket, `no process is free, and ${maxWaiting} peers wait for one`)
      return
    }
    this.guests.push({ socket, due: performance.now() + wait })
    this.timer ??= setTimeout(this.look, wait)
  }

  /** Lets them in, the first first: each that `take` takes, until there is room for nobody. */
  serve(take: (socket: Net.Socket) => Taking): void {
    const { guests } = this
    const left: Array<Guest> = []
    let next = 0
    for (; next < guests.length; next++) {
      const guest = guests[next]!
      const taking = guest.socket.destroyed ? "taken" : take(guest.socket)
      if (taking === "full") break
      if (taking === "busy") left.push(guest)
    }
    this.guests = [...left, ...guests.slice(next)]
    this.keepTime()
  }

  /** Nobody waits any more. */
  close(): void {
    const { guests } = this
    this.guests = []
    this.keepTime()
    for (const { socket } of guests) this.turnAway(socket, "no process takes peers any more")
  }

  /** All wait equally long, so that the first is the first whose time is over. */
  private readonly look = (): void => {
    const now = performance.now()
    for (let first = this.guests[0]; first !== undefined && first.due <= now; first = this.guests[0]) {
      this.guests.shift()
      this.turnAway(first.socket, `no process was free for ${this.limits.wait} ms`)
    }
    this.keepTime()
  }

  private keepTime(): void {
    clearTimeout(this.timer)
    const [first] = this.guests
    this.timer =
      first === undefined ? undefined : setTimeout(this.look, Math.max(0, first.due - performance.now()))
  }
}
