/** The frames of one peer that were no messages, and after which its connection lives on: when that is told. */
import type { MessageError } from "../SluiceError.ts"
import { Aggregate } from "./aggregate.ts"
import type { DeadlineScheduler } from "./deadlineScheduler.ts"

/** Left out, or answered. */
export type SkipPolicy = "skip" | "reply"

type Tell = (messages: number, error: MessageError) => void

export class Skips extends Aggregate {
  private readonly told: Tell
  private messages = 0
  /** What was wrong with the first of those that are not told yet. */
  private error: MessageError | undefined

  constructor(scheduler: DeadlineScheduler, now: () => number, tell: Tell) {
    super(scheduler, now)
    this.told = tell
  }

  /** The error is made only where it will be told. */
  add(error: () => MessageError): void {
    if (this.begins()) {
      this.told(1, error())
      return
    }
    this.messages++
    this.error ??= error()
  }

  protected publish(): boolean {
    const { error, messages } = this
    if (error === undefined) return false
    this.messages = 0
    this.error = undefined
    this.told(messages, error)
    return true
  }
}
