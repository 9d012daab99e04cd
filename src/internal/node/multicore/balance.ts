/** Which process gets a new peer. */

export type Balance = "roundRobin" | "leastConnections" | "sourceHash" | "kernel"

/** A process that could take it. */
export interface Candidate {
  /** Its place among the processes, which its successor has after it. */
  readonly index: number
  /** Its connections, those on their way to it included. */
  readonly load: number
}

export interface Chooser {
  /** Whether a peer may go to any of them, or belongs to one. */
  readonly sticky: boolean
  /** One of them; there is at least one. `host` tells the peer's address, where it has one. */
  readonly choose: <C extends Candidate>(candidates: ReadonlyArray<C>, host: () => string | undefined) => C
}

/** One after the other, whoever is there. */
class RoundRobin implements Chooser {
  readonly sticky = false
  private last = -1

  choose<C extends Candidate>(candidates: ReadonlyArray<C>): C {
    let first: C | undefined
    let next: C | undefined
    for (const candidate of candidates) {
      if (first === undefined || candidate.index < first.index) first = candidate
      if (candidate.index > this.last && (next === undefined || candidate.index < next.index)) {
        next = candidate
      }
    }
    // There is one, so there is a first.
    const chosen = (next ?? first)!
    this.last = chosen.index
    return chosen
  }
}

/** The one that has the fewest; of several, by turns. */
class LeastConnections implements Chooser {
  readonly sticky = false
  private readonly turns = new RoundRobin()

  choose<C extends Candidate>(candidates: ReadonlyArray<C>): C {
    let least = Number.POSITIVE_INFINITY
    for (const { load } of candidates) least = Math.min(least, load)
    return this.turns.choose(candidates.filter(({ load }) => load === least))
  }
}

/**
 * Always the same for an address, by rendezvous: of a number made of the address and the place of each process, the
 * highest wins. Where a process is gone, only its own addresses go elsewhere, and come back to its successor.
 */
class SourceHash implements Chooser {
  readonly sticky = true
  private readonly turns = new RoundRobin()

  choose<C extends Candidate>(candidates: ReadonlyArray<C>, host: () => string | undefined): C {
    const text = host()
    if (text === undefined) return this.turns.choose(candidates)
    const base = hash(text)
    let chosen: C | undefined
    let highest = -1
    for (const candidate of candidates) {
      const weight = mix(base ^ Math.imul(candidate.index + 1, 0x9e3779b1))
      if (weight > highest) {
        highest = weight
        chosen = candidate
      }
    }
    return chosen!
  }
}

/** FNV-1a. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value
}

/** The last steps of MurmurHash3, so that near numbers are far apart; not negative. */
const mix = (value: number): number => {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

export const chooserOf = (balance: Balance): Chooser => {
  switch (balance) {
    case "leastConnections":
      return new LeastConnections()
    case "sourceHash":
      return new SourceHash()
    // What the kernel cannot divide, as Unix sockets, goes by turns.
    case "roundRobin":
    case "kernel":
      return new RoundRobin()
  }
}
