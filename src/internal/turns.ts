/** Permits, and whose turn it is: those who wait take turns by owner, however many each of them waits for. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * A semaphore that can be resized, with a line of owners instead of a line of waits. An owner that waits many times
 * over gets a permit when its turn comes, and then the others have theirs.
 *
 * All of it is plain calls, so that a message that is handled at once costs no turn of any scheduler.
 */
export class Turns {
  /** Permits that are out. More than `permits` for a while after these were lowered. */
  taken = 0
  /** How many wait. */
  waiting = 0
  private most: number
  /** Who waits, in the order of their turns. */
  private readonly lines = new Map<object, Array<Ticket>>()
  private serving = false

  constructor(permits: number) {
    this.most = permits
  }

  get permits(): number {
    return this.most
  }

  resize(permits: number): void {
    this.most = permits
    this.serve()
  }

  /** Whether a permit is free, and nobody waits for it. */
  get free(): boolean {
    return this.taken < this.most && this.waiting === 0
  }

  tryTake(): boolean {
    if (!this.free) return false
    this.taken++
    return true
  }

  release(): void {
    this.taken--
    this.serve()
  }

  join(ticket: Ticket): void {
    const line = this.lines.get(ticket.owner)
    if (line === undefined) this.lines.set(ticket.owner, [ticket])
    else line.push(ticket)
    this.waiting++
  }

  leave(ticket: Ticket): void {
    const line = this.lines.get(ticket.owner)
    const index = line?.indexOf(ticket) ?? -1
    if (line === undefined || index < 0) return
    line.splice(index, 1)
    if (line.length === 0) this.lines.delete(ticket.owner)
    this.waiting--
  }

  /** Hands out what is free. Those who are called may come back in here; one loop serves them all. */
  private serve(): void {
    if (this.serving) return
    this.serving = true
    try {
      while (this.taken < this.most) {
        const [turn] = this.lines
        if (turn === undefined) return
        const [owner, line] = turn
        // To the end of the line of owners, if it wants more.
        this.lines.delete(owner)
        const ticket = line.shift()
        if (ticket === undefined) continue
        if (line.length > 0) this.lines.set(owner, line)
        this.waiting--
        this.taken++
        ticket.grant()
      }
    } finally {
      this.serving = false
    }
  }
}

/** One holder of a permit: waits for it, has it, gives it back. */
export class Ticket {
  readonly owner: object
  private readonly turns: Turns
  private held = false
  private resume: (() => void) | undefined

  constructor(turns: Turns, owner: object) {
    this.turns = turns
    this.owner = owner
  }

  /** Waits for a permit. Whoever calls it calls `give` in the end, however it ended. */
  get take(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.turns.tryTake()) {
        this.held = true
        return Exit.void
      }
      return Effect.callback<void>((resume) => {
        // One may have been given back since.
        if (this.turns.tryTake()) {
          this.held = true
          return resume(Exit.void)
        }
        this.resume = () => resume(Exit.void)
        this.turns.join(this)
      })
    })
  }

  /** Gives the permit back, or leaves the line. */
  give(): void {
    this.resume = undefined
    if (this.held) {
      this.held = false
      this.turns.release()
    } else {
      this.turns.leave(this)
    }
  }

  /** A permit is there. */
  grant(): void {
    this.held = true
    const { resume } = this
    this.resume = undefined
    resume?.()
  }
}

/** Runs an effect under a permit. */
export const withPermit = <A, E, R>(
  turns: Turns,
  owner: object,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const ticket = new Ticket(turns, owner)
    return Effect.onExit(
      Effect.flatMap(ticket.take, () => effect),
      () => giveBack(ticket)
    )
  })

/**
 * Handles a batch under one permit, one message after the other. Where others wait for a permit, they have their turn
 * before the next message.
 */
export const batchUnderPermit = <A, E, R>(
  turns: Turns,
  owner: object,
  batch: ReadonlyArray<A>,
  handle: (message: A) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    const ticket = new Ticket(turns, owner)
    let index = 0
    let due = false
    const loop = Effect.whileLoop({
      while: () => index < batch.length,
      body: (): Effect.Effect<unknown, E, R> => {
        if (due && turns.waiting > 0) {
          due = false
          ticket.give()
          return ticket.take
        }
        due = true
        // Within the bounds, see `while`.
        return handle(batch[index++] as A)
      },
      step: () => {}
    })
    return Effect.onExit(
      Effect.flatMap(ticket.take, () => loop),
      () => giveBack(ticket)
    )
  })

const giveBack = (ticket: Ticket): Effect.Effect<void> => {
  ticket.give()
  return Exit.void
}
