/**
 * What 100 000 armed deadlines cost: arming, moving and cancelling one, and a tick by how many are due in it. Then the
 * same of 100 000 timers of connections, which run something.
 *
 * `npx tsx bench/deadlines.ts`
 */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { DeadlineHeap, type HeapEntry } from "../src/internal/deadlineHeap.ts"
import { DeadlineScheduler, type Scheduled } from "../src/internal/deadlineScheduler.ts"
import { Timers } from "../src/internal/timers.ts"

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

/** A scheduler whose clock stands until it is told, so that ticks are measured and not sleeps. */
const standing = () => {
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
  /** How long the next tick takes, at a moment. */
  const tickAt = (moment: number): number => {
    now = moment
    const begun = performance.now()
    wake?.()
    return performance.now() - begun
  }
  return { clock, scheduler, tickAt, now: () => now }
}

const tick = (due: number): { readonly looked: number; readonly millis: number } => {
  const { scheduler, tickAt } = standing()
  for (let i = 0; i < count; i++) scheduler.arm(new Busy(), i < due ? 1000 : 10_000 + Math.random() * 50_000)
  Busy.looked = 0
  const millis = tickAt(1000)
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

const timerTick = (due: number) => {
  const { clock, now, scheduler, tickAt } = standing()
  let ran = 0
  const run = Effect.sync(() => ran++)
  const timers = new Timers({
    shared: { clock, deadlines: { scheduler }, now },
    ending: false,
    onceOver: () => () => {},
    runOwn: (effect, done) => Effect.runFork(effect).addObserver(done)
  })
  const begun = performance.now()
  const made = Array.from({ length: count }, (_, i) =>
    Effect.runSync(timers.runAfter(i < due ? 1000 : 10_000 + Math.random() * 50_000, run))
  )
  const making = ((performance.now() - begun) / count) * 1e6
  const millis = tickAt(1000)
  const cancelBegun = performance.now()
  for (const timer of made) Effect.runSync(timer.cancel)
  const cancelling = ((performance.now() - cancelBegun) / count) * 1e6
  scheduler.dispose()
  return { cancelling, making, millis, ran }
}

console.log()
let timers = timerTick(0)
for (let i = 0; i < 4; i++) timers = timerTick(0)
print("begin one of 100 000 timers, as an effect", timers.making, "ns")
print("cancel one of them, as an effect", timers.cancelling, "ns")
for (const due of [0, 1, 10, 100, 1000]) {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) best = Math.min(best, timerTick(due).millis)
  print(`a tick in which ${due} of 100 000 run something`, best, "ms")
}
const allTimers = timerTick(count)
print(`a tick in which all are due: it runs ${allTimers.ran}, then yields`, allTimers.millis, "ms")
