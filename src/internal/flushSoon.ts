/**
 * Queues that were written to outside a reader's turn are flushed together, at the end of the microtask: however many
 * messages each of them got, and however many queues a broadcast went to, it is one microtask and no fiber.
 */

interface Flushable {
  readonly flushNow: () => void
}

/** So many writes take about a millisecond. */
const many = 128

let waiting: Array<Flushable> = []
let audience: Array<Flushable> = []

/** Once for each queue until it was flushed. */
export const flushSoon = (queue: Flushable): void => {
  if (waiting.push(queue) === 1) queueMicrotask(flushWaiting)
}

/**
 * The same for a queue that got what others get, too. Where these are many, their writes would take far longer than a
 * look at what has come in the meantime; so that is read first, and what it makes for them leaves in the same writes.
 */
export const flushTogether = (queue: Flushable): void => {
  if (audience.push(queue) === 1) queueMicrotask(beforeAudience)
}

const beforeAudience = (): void => {
  if (audience.length < many || typeof setImmediate !== "function") flushAudience()
  // The first comes behind what is being read in this turn of Node's loop, the second behind what the next turn finds.
  else setImmediate(() => setImmediate(flushAudience))
}

const flushAudience = (): void => {
  const queues = audience
  audience = []
  flushAll(queues)
}

const flushWaiting = (): void => {
  const queues = waiting
  waiting = []
  flushAll(queues)
}

const flushAll = (queues: ReadonlyArray<Flushable>): void => {
  let flushed = 0
  try {
    while (flushed < queues.length) queues[flushed++]!.flushNow()
  } finally {
    // A transport that threw is no reason for the others to wait for ever.
    for (; flushed < queues.length; flushed++) flushSoon(queues[flushed]!)
  }
}
