/** Measures what is planned, in rounds: every variant once, then every variant again. */
import type { Cell } from "../targets.ts"
import type { Variant } from "../variants.ts"
import { awaitQuiet } from "./cpu.ts"
import type { Planned } from "./plan.ts"
import { runTrial, type Trial, type TrialOptions } from "./trial.ts"

/** What a trial gave: numbers, or why it failed; `undefined` where there was no time for it. */
export type Outcome = Trial | string | undefined

export interface SessionOptions {
  readonly trial: Omit<TrialOptions, "connections">
  readonly rounds: number
  /** How many seconds to wait for a quiet machine before each trial. */
  readonly patience: number
  /** How often a trial is run at most until others leave it the machine. */
  readonly attempts: number
  /** No trial begins after so many seconds. Rounds go over all workloads then, so that each has had some. */
  readonly budgetSeconds?: number | undefined
  readonly progress: (text: string) => void
}

/** A trial in which others took more of the machine than this, in cores, is run again, a few times at most. */
const tolerated = 0.15

export class Session {
  private readonly outcomes = new Map<string, Array<Outcome>>()
  private readonly options: SessionOptions
  private readonly begun = performance.now()

  constructor(options: SessionOptions) {
    this.options = options
  }

  outcomesOf({ variant, workload }: Cell): ReadonlyArray<Outcome> {
    return this.outcomes.get(`${workload} ${variant}`) ?? []
  }

  /** Measures all of it; `onDone` is told of each workload when it is complete. */
  async run(planned: ReadonlyArray<Planned>, onDone: (planned: Planned) => void): Promise<void> {
    const { budgetSeconds, rounds } = this.options
    // Workload by workload, so that there is something to read early; round by round where time may run out.
    const groups = budgetSeconds === undefined ? grouped(planned) : [planned]
    for (const group of groups) {
      for (let round = 0; round < rounds; round++) {
        for (const one of group) {
          for (const variant of one.variants) await this.measure(one, variant, round)
        }
      }
      for (const one of group) onDone(one)
    }
  }

  private async measure(planned: Planned, variant: Variant, round: number): Promise<void> {
    const { budgetSeconds, progress, rounds } = this.options
    const key = `${planned.workload.name} ${variant.name}`
    const outcomes = this.outcomes.get(key) ?? []
    this.outcomes.set(key, outcomes)
    const late = budgetSeconds !== undefined && performance.now() - this.begun > budgetSeconds * 1000
    progress(`${planned.workload.name}, round ${round + 1} of ${rounds}: ${variant.name}`)
    outcomes[round] = late ? undefined : await this.quietTrial(planned, variant)
  }

  /** A trial in as much quiet as there is. A server that fails is a result, and not one of noise. */
  private async quietTrial({ connections, workload }: Planned, variant: Variant): Promise<Trial | string> {
    const { attempts, patience, trial: options } = this.options
    let best: Trial | undefined
    for (let attempt = 0; attempt < attempts; attempt++) {
      await awaitQuiet(tolerated, patience)
      try {
        const trial = await runTrial(variant, workload, { ...options, connections })
        if (best === undefined || (trial.otherBusy ?? 0) < (best.otherBusy ?? 0)) best = trial
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
      if ((best.otherBusy ?? 0) <= tolerated) break
    }
    return best ?? "no trial"
  }
}

const grouped = (planned: ReadonlyArray<Planned>): ReadonlyArray<ReadonlyArray<Planned>> => {
  const names = new Set(planned.map(({ workload }) => workload.group ?? workload.name))
  return [...names].map((name) =>
    planned.filter(({ workload }) => (workload.group ?? workload.name) === name)
  )
}
