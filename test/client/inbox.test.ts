/** What a client keeps of connections that are gone. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import { Inbox } from "../../src/internal/client/inbox.ts"
import { InboundQueue } from "../../src/internal/inboundQueue.ts"

const queue = (...messages: ReadonlyArray<string>) => {
  const queue = new InboundQueue<string>(10, 1000, { roomAgain: () => {} })
  for (const message of messages) queue.push([message], 1)
  queue.end(() => Exit.fail(Cause.Done()))
  return queue
}

describe("an inbox that nobody takes from", () => {
  it("keeps nothing of connections that left no messages", () => {
    const inbox = new Inbox<string>({ maxMessages: 10, maxBytes: 1000 })
    inbox.add(queue("a"))
    for (let i = 0; i < 100; i++) inbox.add(queue())
    // The one with a message, and the last.
    assert.strictEqual(inbox.held, 2)
    assert.strictEqual(inbox.dropped, 0)
  })
})
