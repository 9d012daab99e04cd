/** The deadlines of one connection: what it has to keep, and whether it does. */
import * as Effect from "effect/Effect"
import { CloseReason } from "../CloseReason.ts"
import type { Deadline } from "../Deadlines.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { DeadlineScheduler, Scheduled } from "./deadlineScheduler.ts"
import type { DeadlineTimes } from "./deadlineSettings.ts"

/** What all connections of a server or client share for their deadlines. */
export interface DeadlinesShared {
  readonly scheduler: DeadlineScheduler
  readonly times: DeadlineTimes
  readonly random: () => number
}

/** A single extension: for the wait that began at `since`, or for the next one where none had begun. */
interface Extension {
  readonly millis: number
  since: number | undefined
}

/** How often a handler was told of the silence that began at `since`. */
interface Told {
  readonly since: number
  readonly times: number
}

const off = Number.POSITIVE_INFINITY

/**
 * One entry in the server's scheduler. What happens on the connection only moves timestamps; when the entry comes due
 * they are looked at, and it is armed anew for the earliest moment at which one of them can be too old. What begins
 * only now (a frame, a blocked wire) costs a comparison, and a move in the heap where the entry would come too late.
 *
 * Two clocks: the monotonic one, and the reader's, which stands still while reading is refused.
 */
export class DeadlineWatch<In, Out> implements Scheduled {
  due = off
  place = -1

  private readonly connection: ConnectionImpl<In, Out>
  private times: DeadlineTimes
  private extensions: Map<Deadline, Extension> | undefined
  private told: Map<Deadline, Told> | undefined
  private stopped = false
  /** The reader's clock stood still at the last look, so that nothing of its kind is armed. */
  private standing = false
  private readAgainAt = -1
  private blockedAt = -1
  /** The last time that the peer was seen taking something, and what the wire still had then. */
  private progressAt = -1
  private unsent = 0
  /** This connection's share of the lifetime's jitter. */
  private spread: number | undefined
  /** When the polite end of the lifetime is over. */
  private overAt = off

  constructor(connection: ConnectionImpl<In, Out>) {
    this.connection = connection
    this.times = connection.shared.deadlines.times
  }

  /** Bytes may flow. */
  start(): void {
    this.rearm(this.connection.shared.now())
  }

  /** The connection has its reason: nothing else can be its reason any more. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.connection.shared.deadlines.scheduler.cancel(this)
  }

  /** The first byte of a frame came, and not yet the last. */
  frameBegan(now: number): void {
    this.armBefore(now + this.times.frame)
  }

  /** Bytes go to the wire. What it keeps is looked at now and then, for those whom progress matters to. */
  wrote(now: number): void {
    const { allIdle, writeIdle } = this.times
    if (allIdle < off || writeIdle < off) this.armBefore(now + Math.min(allIdle, writeIdle) / 4)
  }

  /** The wire takes no more. */
  blocked(now: number): void {
    this.blockedAt = now
    this.unsent = this.connection.wire.unsent
    this.armBefore(now + this.times.send / 4)
  }

  /** Reading goes on after it was refused. */
  readingAgain(now: number): void {
    this.readAgainAt = now
    if (!this.standing) return
    this.standing = false
    this.rearm(now)
  }

  /** Changes one for good. */
  set(deadline: Deadline, millis: number): void {
    this.times = { ...this.times, [deadline]: millis }
    this.rearm(this.connection.shared.now())
  }

  /** Makes the wait at hand longer, or the next one. Being later never needs arming: the look sees it. */
  extend(deadline: Deadline, millis: number): void {
    const since = this.sinceOf(deadline)
    this.extensions ??= new Map()
    this.extensions.set(deadline, { millis, since: since < 0 ? undefined : since })
  }

  check(now: number): number {
    return this.look(now, true)
  }

  private rearm(now: number): void {
    if (!this.stopped) this.armBefore(this.look(now, false))
  }

  private armBefore(due: number): void {
    if (due < this.due && !this.stopped) this.connection.shared.deadlines.scheduler.arm(this, due)
  }

  /** The earliest moment at which something can be due. With `expire`, what is due by now has its consequence. */
  private look(now: number, expire: boolean): number {
    if (this.stopped) return off
    if (this.overAt < off) {
      if (!expire || now < this.overAt) return this.overAt
      this.connection.closeWith(CloseReason.DeadlineExceeded({ deadline: "lifetime" }))
      return off
    }
    const { reader, wire } = this.connection
    const { unsent } = wire
    if (unsent < this.unsent) this.progressAt = now
    this.unsent = unsent
    this.standing = reader.reading && reader.refusing
    let next = off
    for (const deadline of kinds) {
      const length = this.times[deadline]
      if (length === off) continue
      const input = deadline === "hello" || deadline === "frame" || deadline === "readIdle"
      if (input && !reader.reading) continue
      if ((input || deadline === "allIdle") && this.standing) continue
      const since = this.sinceOf(deadline)
      if (since < 0) continue
      const left = since + this.lengthOf(deadline, since, length) - (input ? reader.clock(now) : now)
      if (left <= 0) {
        if (!expire) return now
        if (!this.expire(deadline, since, now)) return off
        return this.look(now, true)
      }
      // Progress shows only when one looks.
      const often =
        deadline === "send" || (unsent > 0 && (deadline === "writeIdle" || deadline === "allIdle"))
      next = Math.min(next, now + (often ? Math.min(left, length / 4) : left))
    }
    return next
  }

  /** When the wait for a deadline began, on the clock that it goes by; negative where there is none. */
  private sinceOf(deadline: Deadline): number {
    const { lastWrite, opened, outbound, reader } = this.connection
    switch (deadline) {
      case "hello":
        return reader.spoke ? -1 : opened
      case "frame":
        return reader.frameSince
      case "readIdle":
        return reader.readSince
      case "writeIdle":
        return Math.max(opened, lastWrite, this.progressAt)
      case "allIdle":
        return Math.max(opened, reader.lastRead, this.readAgainAt, lastWrite, this.progressAt)
      case "send":
        return outbound.blocked ? Math.max(this.blockedAt, this.progressAt) : -1
      case "lifetime":
        return opened
    }
  }

  private lengthOf(deadline: Deadline, since: number, length: number): number {
    if (deadline === "lifetime") {
      const { deadlines } = this.connection.shared
      this.spread ??= 1 + this.times.lifetimeJitter * (2 * deadlines.random() - 1)
      return length * this.spread + this.extensionOf(deadline, since)
    }
    const told = this.told?.get(deadline)
    const times = told !== undefined && told.since === since ? told.times + 1 : 1
    return length * times + this.extensionOf(deadline, since)
  }

  private extensionOf(deadline: Deadline, since: number): number {
    const extension = this.extensions?.get(deadline)
    if (extension === undefined) return 0
    extension.since ??= since
    if (extension.since === since) return extension.millis
    this.extensions?.delete(deadline)
    return 0
  }

  /** What follows. Says whether there is anything left to watch. */
  private expire(deadline: Deadline, since: number, now: number): boolean {
    const { connection } = this
    if (deadline === "lifetime") {
      this.overAt = now + connection.shared.closeMillis
      connection.retire(CloseReason.DeadlineExceeded({ deadline }))
      return !this.stopped
    }
    if (deadline === "readIdle" || deadline === "writeIdle" || deadline === "allIdle") {
      const { onIdle } = connection.shared
      if (onIdle !== "close") {
        const told = this.told?.get(deadline)
        const times = told !== undefined && told.since === since ? told.times + 1 : 1
        this.told ??= new Map()
        this.told.set(deadline, { since, times })
        connection.runOwn(Effect.suspend(() => onIdle(connection.speaking, { deadline, times })))
        return !this.stopped
      }
    }
    connection.closeWith(CloseReason.DeadlineExceeded({ deadline }))
    return false
  }
}

/** In the order in which they are looked at: of two that pass at once, the first is the reason. */
const kinds = ["hello", "frame", "readIdle", "allIdle", "writeIdle", "send", "lifetime"] as const
