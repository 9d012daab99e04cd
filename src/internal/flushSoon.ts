/**
 * Queues that were written to outside a reader's turn are flushed together, at the end of the microtask: however many
 * messages each of them got, and however many queues a broadcast went to, it is one microtask and no fiber.
 */

interface Flushable {
  readonly flushNow: () => void
}

let waiting: Array<Flushable> = []

/** Once for each queue until it was flushed. */
export const flushSoon = (queue: Flushable): void => {
  if (waiting.push(queue) === 1) queueMicrotask(flushAll)
}

const flushAll = (): void => {
  const queues = waiting
  waiting = []
  let flushed = 0
  try {
    while (flushed < queues.length) queues[flushed++]!.flushNow()
  } finally {
    // A transport that threw is no reason for the others to wait for ever.
    for (; flushed < queues.length; flushed++) flushSoon(queues[flushed]!)
  }
}
