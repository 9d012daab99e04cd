/** The deliveries that a receiver remembers, by sender. */
interface Id {
  readonly session: string
  readonly sequence: number
}

/** Whoever put it in knows its type. */
type Result = unknown

interface Past {
  readonly result: Result
  readonly until: number
}

/** Maps keep the order in which keys came: the first is the oldest. */
class SenderWindow {
  readonly running = new Map<number, Result>()
  readonly past = new Map<number, Past>()
}

export class Window {
  private readonly maxDeliveries: number
  private readonly maxSenders: number
  private readonly retention: number
  private readonly senders = new Map<string, SenderWindow>()

  constructor(maxDeliveries: number, maxSenders: number, retention: number) {
    this.maxDeliveries = maxDeliveries
    this.maxSenders = maxSenders
    this.retention = retention
  }

  /** The result of a delivery that is known, there or to come. */
  find({ sequence, session }: Id, now: number): Result {
    const sender = this.senders.get(session)
    if (sender === undefined) return undefined
    // Heard of last.
    this.senders.delete(session)
    this.senders.set(session, sender)
    for (const [old, { until }] of sender.past) {
      if (until > now) break
      sender.past.delete(old)
    }
    return sender.running.get(sequence) ?? sender.past.get(sequence)?.result
  }

  begin({ sequence, session }: Id, result: Result): void {
    let sender = this.senders.get(session)
    if (sender === undefined) {
      this.makeRoom()
      sender = new SenderWindow()
      this.senders.set(session, sender)
    }
    sender.running.set(sequence, result)
  }

  /** It was handled; what failed is forgotten. */
  settle({ sequence, session }: Id, keep: boolean, now: number): void {
    const sender = this.senders.get(session)
    if (sender === undefined) return
    const result = sender.running.get(sequence)
    sender.running.delete(sequence)
    if (!keep) return
    sender.past.set(sequence, { result, until: now + this.retention })
    if (sender.past.size <= this.maxDeliveries) return
    for (const oldest of sender.past.keys()) {
      sender.past.delete(oldest)
      return
    }
  }

  /** A sender with something under way is not forgotten. */
  private makeRoom(): void {
    for (const [session, sender] of this.senders) {
      if (this.senders.size < this.maxSenders) return
      if (sender.running.size === 0) this.senders.delete(session)
    }
  }
}
