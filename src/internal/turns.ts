/** Permits, and whose turn it is: those who wait take turns by owner, however many each of them waits for. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Someone who takes permits: a connection. */
export interface Owner {
  /** Permits that it has. */
  held: number
  /** Its waits, in their order. */
  readonly waits: Array<Ticket>
}

/**
 * A semaphore that can be resized, with a line of owners instead of a line of waits. Owners that have no permit come
 * first, in the order in which they came or gave back their last one; then those that have some and want more, by turns.
 * So whoever waits with empty hands waits for one permit to come back, and for those who waited so before.
 *
 * All of it is plain calls, so that a message that is handled at once costs no turn of any scheduler.
 */
export class Turns {
  /** Permits that are out. More than `permits` for a while after these were lowered. */
  taken = 0
  /** How many wait. */
  waiting = 0
  private most: number
  private readonly owners = new WeakMap<object, Owner>()
  /** Who waits with empty hands, in the order of their turns. */
  private readonly first = new Set<Owner>()
  /** Who waits for more. */
  private readonly later = new Set<Owner>()
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

  /** Whoever `key` stands for: one and the same for the same object. */
  owner(key: object): Owner {
    let owner = this.owners.get(key)
    if (owner === undefined) {
      owner = { held: 0, waits: [] }
      this.owners.set(key, owner)
    }
    return owner
  }

  /** Whether a permit is free, and nobody waits for it. */
  get free(): boolean {
    return this.taken < this.most && this.waiting === 0
  }

  tryTake(owner: Owner): boolean {
    if (!this.free) return false
    this.taken++
    owner.held++
    return true
  }

  release(owner: Owner): void {
    this.taken--
    owner.held--
    if (owner.held === 0 && this.later.delete(owner)) this.first.add(owner)
    this.serve()
  }

  join(ticket: Ticket): void {
    const { owner } = ticket
    owner.waits.push(ticket)
    // One that waits already keeps its place.
    this.lineOf(owner).add(owner)
    this.waiting++
  }

  leave(ticket: Ticket): void {
    const { owner } = ticket
    const index = owner.waits.indexOf(ticket)
    if (index < 0) return
    owner.waits.splice(index, 1)
    if (owner.waits.length === 0) this.lineOf(owner).delete(owner)
    this.waiting--
  }

  private lineOf(owner: Owner): Set<Owner> {
    return owner.held === 0 ? this.first : this.later
  }

  /** Hands out what is free. Those who are called may come back in here; one loop serves them all. */
  private serve(): void {
    if (this.serving) return
    this.serving = true
    try {
      while (this.taken < this.most) {
        const line = this.first.size > 0 ? this.first : this.later
        const [owner] = line
        if (owner === undefined) return
        line.delete(owner)
        const ticket = owner.waits.shift()
        // Nobody is in a line who does not wait.
        if (ticket === undefined) continue
        this.waiting--
        this.taken++
        owner.held++
        // To the end of the line, if it wants more.
        if (owner.waits.length > 0) this.later.add(owner)
        ticket.grant()
      }
    } finally {
      this.serving = false
    }
  }
}

/** One holder of a permit: waits for it, has it, gives it back. */
export class Ticket {
  readonly owner: Owner
  private readonly turns: Turns
  private held = false
  private resume: (() => void) | undefined

  constructor(turns: Turns, owner: Owner) {
    this.turns = turns
    this.owner = owner
  }

  /** Waits for a permit. Whoever calls it calls `give` in the end, however it ended. */
  get take(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.turns.tryTake(this.owner)) {
        this.held = true
        return Exit.void
      }
      return Effect.callback<void>((resume) => {
        // One may have been given back since.
        if (this.turns.tryTake(this.owner)) {
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
      this.turns.release(this.owner)
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
  owner: Owner,
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
  owner: Owner,
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
