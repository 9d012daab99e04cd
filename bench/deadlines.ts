/**
 * What 100 000 armed deadlines cost: arming, moving and cancelling one, and a tick by how many are due in it.
 *
 * `npx tsx bench/deadlines.ts`
 */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { DeadlineHeap, type HeapEntry } from "../src/internal/deadlineHeap.ts"
import { DeadlineScheduler, type Scheduled } from "../src/internal/deadlineScheduler.ts"

const count = 100_000

/** Mean nanoseconds of one of `times` calls, the best of five rounds. */
const nanos = (times: number, round: () => void): number => {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const begun = performance.now()
    round()
    best = Math.min(best, ((performance.now() - begun) / times) * 1e6)
  }
  return best
}

const print = (what: string, value: number, unit: string): void =>
  console.log(`${what.padEnd(52)} ${value.toFixed(unit === "ns" ? 0 : 2).padStart(8)} ${unit}`)

const entries = Array.from({ length: count }, (): HeapEntry => ({ due: Number.POSITIVE_INFINITY, place: -1 }))
const heap = new DeadlineHeap<HeapEntry>()
const later = entries.map(() => Math.random() * 60_000)
print(
  "arm one of 100 000",
  nanos(count, () => {
    for (const entry of entries) heap.remove(entry)
    for (let i = 0; i < count; i++) heap.set(entries[i]!, later[i]!)
  }),
  "ns"
)
print(
  "move one of 100 000",
  nanos(count, () => {
    for (let i = 0; i < count; i++) heap.set(entries[i]!, later[(i * 7919) % count]!)
  }),
  "ns"
)
print(
  "cancel one of 100 000 and arm it again",
  nanos(count, () => {
    for (let i = 0; i < count; i++) {
      heap.remove(entries[i]!)
      heap.set(entries[i]!, later[i]!)
    }
  }),
  "ns"
)

/** An idle connection whose deadline was moved by activity: found not to be due, and armed again. */
class Busy implements Scheduled {
  due = Number.POSITIVE_INFINITY
  place = -1
  static looked = 0

  check(now: number): number {
    Busy.looked++
    return now + 60_000
  }
}

/** A clock that stands until it is told, so that ticks are measured and not sleeps. */
const tick = (due: number): { readonly looked: number; readonly millis: number } => {
  let now = 0
  let wake: (() => void) | undefined
  const clock: Clock.Clock = {
    ...Effect.runSync(Clock.clockWith(Effect.succeed)),
    sleep: () =>
      Effect.callback<void>((resume) => {
        wake = () => resume(Effect.void)
      })
  }
  const scheduler = new DeadlineScheduler(
    clock,
    () => now,
    (effect) => Effect.runFork(effect)
  )
  for (let i = 0; i < count; i++) scheduler.arm(new Busy(), i < due ? 1000 : 10_000 + Math.random() * 50_000)
  now = 1000
  Busy.looked = 0
  const begun = performance.now()
  wake?.()
  const millis = performance.now() - begun
  scheduler.dispose()
  return { looked: Busy.looked, millis }
}

for (const due of [0, 1, 10, 100, 1000]) {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) best = Math.min(best, tick(due).millis)
  print(`a tick in which ${due} of 100 000 are due`, best, "ms")
}
const all = tick(count)
print(`a tick in which all are due: it looks at ${all.looked}, then yields`, all.millis, "ms")
