/** Who may send, and in which order. Plain: no effects, no clock. */
import type { ClientEnded } from "../../SluiceError.ts"

/** Somebody who has no turn yet, or has it now. */
export interface Waiter<C> {
  readonly ticket: number
  granted: C | ClientEnded | undefined
  wake: (() => void) | undefined
}

/**
 * The gate between senders and the connection of the moment.
 *
 * While a connection is up and nobody waits, the gate is open and senders pass without it. Otherwise they stand in line
 * by ticket, and once there is a connection they have their turns one after the other; whoever comes meanwhile
 * stands behind them. So messages leave in the order of their `send`, whatever became of the connections.
 */
export class Gate<C extends { readonly ending: boolean }> {
  /** Nobody passes any more. */
  ended: ClientEnded | undefined
  private current: C | undefined
  private readonly line: Array<Waiter<C>> = []
  private turn: Waiter<C> | undefined
  private lastTicket = 0
  private readonly listeners = new Set<() => void>()

  /** The connection of the moment. One that is on its way out is none. */
  get connection(): C | undefined {
    return this.current?.ending === false ? this.current : undefined
  }

  /** The connection, for whoever need not wait. */
  get open(): C | undefined {
    return this.turn === undefined && this.line.length === 0 ? this.connection : undefined
  }

  /** How many stand in line. */
  get waiting(): number {
    return this.line.length
  }

  ticket(): number {
    return ++this.lastTicket
  }

  /** Stands in line. Old tickets go before newer ones: who had a turn on a connection that broke comes first again. */
  enter(ticket: number): Waiter<C> {
    const waiter: Waiter<C> = { ticket, granted: this.ended, wake: undefined }
    if (this.ended !== undefined) return waiter
    let index = this.line.length
    while (index > 0 && ticket < (this.line[index - 1]?.ticket ?? 0)) index--
    this.line.splice(index, 0, waiter)
    this.next()
    return waiter
  }

  /** Done, or tired of waiting. */
  release(waiter: Waiter<C>): void {
    if (this.turn === waiter) {
      this.turn = undefined
      this.next()
    } else {
      const index = this.line.indexOf(waiter)
      if (index >= 0) this.line.splice(index, 1)
    }
  }

  /** A connection is ready. */
  up(connection: C): void {
    this.current = connection
    this.next()
    this.changed()
  }

  /** A connection is no longer. */
  down(connection: C): void {
    if (this.current !== connection) return
    this.current = undefined
    this.changed()
  }

  /** No connection will come. */
  end(error: ClientEnded): void {
    if (this.ended !== undefined) return
    this.ended = error
    this.current = undefined
    for (const waiter of this.line.splice(0)) grant(waiter, error)
    this.changed()
  }

  /** Calls back at each change, until the result is called. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener()
  }

  private next(): void {
    const { connection } = this
    if (connection === undefined || this.turn !== undefined) return
    this.turn = this.line.shift()
    if (this.turn !== undefined) grant(this.turn, connection)
  }
}

const grant = <C>(waiter: Waiter<C>, granted: C | ClientEnded): void => {
  waiter.granted = granted
  waiter.wake?.()
}
