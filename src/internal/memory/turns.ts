/**
 * The turns in which an in-memory network does its work.
 */

/**
 * Work that is always done later and always in the order it was asked for. It is done in microtasks, so that
 * everything underway has arrived by the time an `Effect.yieldNow` returns; every so many turns it lets the
 * event loop go round, so that two peers who answer each other for ever do not stop the world.
 */
export class Turns {
  private readonly queue: Array<() => void> = []
  private scheduled = false
  private burst = 0

  later(work: () => void): void {
    this.queue.push(work)
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled) {
      return
    }
    this.scheduled = true
    if (this.burst++ < maximumBurst) {
      queueMicrotask(this.run)
    } else {
      this.burst = 0
      setImmediate(this.run)
    }
  }

  private readonly run = (): void => {
    this.scheduled = false
    const work = this.queue.splice(0)
    let done = 0
    try {
      while (done < work.length) {
        work[done++]?.()
      }
    } finally {
      // Somebody's callback threw; that does not take the others' work along.
      if (done < work.length) {
        this.queue.unshift(...work.slice(done))
        this.schedule()
      }
    }
  }
}

const maximumBurst = 1000
