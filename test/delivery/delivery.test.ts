/** At-least-once delivery, with the connection reset at every byte of the exchange. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Result, Schedule, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Client from "../../src/Client.ts"
import * as Delivery from "../../src/Delivery.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"
import * as Server from "../../src/Server.ts"
import { type Acceptor, Connector, Listener, type Wire, type WireReceiver } from "../../src/Transport.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"

const Mail = Requests.protocol(
  Protocol.tagged("Mail", {
    framing: Framing.lengthPrefixed(),
    fromClient: {
      Post: {
        id: 1,
        schema: Schema.TaggedStruct("Post", {
          id: Schema.Int,
          session: Schema.String,
          sequence: Schema.Int,
          text: Schema.String
        })
      }
    },
    fromServer: {
      Posted: { id: 1, schema: Schema.TaggedStruct("Posted", { id: Schema.Int, count: Schema.Int }) }
    }
  }),
  { id: "id", fromClient: { Post: { reply: "Posted" } } }
)

/** Breaks a connection once so many bytes have come in on either side. */
interface Fuse {
  bytes: number
}

const burning = (wire: Wire, fuse: Fuse, burn: () => void): Wire => {
  const attach = (receiver: WireReceiver) =>
    wire.attach({
      onData: (chunk) => {
        receiver.onData(chunk)
        fuse.bytes -= chunk.length
        if (fuse.bytes <= 0 && fuse.bytes + chunk.length > 0) burn()
      },
      onEnd: () => receiver.onEnd(),
      onDrain: () => receiver.onDrain(),
      onClose: (error) => receiver.onClose(error)
    })
  return new Proxy(wire, {
    get: (target, name) => {
      if (name === "attach") return attach
      const value: unknown = Reflect.get(target, name)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
}

/** A server that counts what it handles, and a sender whose first connection burns after so many bytes. */
const post = Effect.fnUntraced(function* (bytes: { readonly toServer: number; readonly toClient: number }) {
  const network = yield* TransportMemory.makeNetwork({ maxChunk: 1 })
  const toServer: Fuse = { bytes: bytes.toServer }
  const toClient: Fuse = { bytes: bytes.toClient }
  let burnt = 0
  const burn = () => {
    burnt++
    Effect.runSync(network.reset)
  }
  const listener = {
    listen: (acceptor: Acceptor) =>
      network.listener.listen({
        ...acceptor,
        onWire: (wire) => acceptor.onWire(burning(wire, toServer, burn))
      })
  }
  const handled: Array<string> = []
  const receiver = yield* Delivery.makeReceiver()
  yield* Server.make(
    Mail,
    Requests.handler(Mail, {
      Post: (request) =>
        receiver.receive(
          request,
          Effect.gen(function* () {
            // A handler that takes its time: the reset may come within.
            yield* Effect.yieldNow
            handled.push(request.text)
            return { count: handled.length }
          })
        )
    })
  ).pipe(Effect.provideService(Listener, listener))
  let attempts = 0
  const sender = yield* Delivery.makeSender({
    attempt: (text: string, id) =>
      Effect.scoped(
        Effect.gen(function* () {
          attempts++
          const connection = yield* Client.connect(Mail).pipe(
            Effect.provideService(Connector, {
              connect: Effect.map(network.connector.connect, (wire) => burning(wire, toClient, burn))
            })
          )
          const requests = yield* Requests.fromClient(Mail, connection)
          return yield* requests.request({ _tag: "Post", ...id, text }, { timeout: "1 second" })
        })
      ),
    retry: Schedule.recurs(5)
  })
  const { count } = yield* sender.deliver("one")
  yield* sender.deliver("two")
  return { handled, count, attempts, burnt }
})

const never = Number.MAX_SAFE_INTEGER

describe("delivery", () => {
  it.live(
    "with the connection reset at every byte, in either direction, handles each message exactly once",
    () =>
      Effect.gen(function* () {
        let resets = 0
        const tries = [
          ...Array.from({ length: 140 }, (_, i) => ({ toServer: i + 1, toClient: never })),
          ...Array.from({ length: 40 }, (_, i) => ({ toServer: never, toClient: i + 1 }))
        ]
        for (const bytes of tries) {
          const { attempts, burnt, count, handled } = yield* Effect.scoped(post(bytes))
          assert.deepStrictEqual(handled, ["one", "two"], JSON.stringify(bytes))
          assert.strictEqual(count, 1)
          assert.isAtMost(attempts, 2 + burnt)
          resets += burnt
        }
        // Every one of them was in the way of one of the two messages.
        assert.isAbove(resets, 150)
      })
  )

  it.effect("attempts that come while the first is handled wait for it, and have its result", () =>
    Effect.gen(function* () {
      const receiver = yield* Delivery.makeReceiver()
      const gate = yield* Deferred.make<void>()
      let runs = 0
      const handle = Effect.suspend(() => {
        runs++
        return Effect.as(Deferred.await(gate), runs)
      })
      const id = { session: "a", sequence: 1 }
      const first = yield* Effect.forkChild(receiver.receive(id, handle), { startImmediately: true })
      const second = yield* Effect.forkChild(receiver.receive(id, handle), { startImmediately: true })
      // Its connection is lost: what it began goes on.
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.strictEqual(yield* receiver.receive(id, handle), 1)
      assert.strictEqual(yield* receiver.receive({ session: "b", sequence: 1 }, handle), 2)
    })
  )

  it.effect("an attempt that comes after the receiver's end is interrupted, and waits for nothing", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const receiver = yield* Scope.provide(Delivery.makeReceiver(), scope)
      yield* Scope.close(scope, Exit.void)
      const late = yield* Effect.forkChild(receiver.receive({ session: "a", sequence: 1 }, Effect.void), {
        startImmediately: true
      })
      const again = yield* Effect.forkChild(receiver.receive({ session: "a", sequence: 1 }, Effect.void), {
        startImmediately: true
      })
      for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
      for (const fiber of [late, again]) {
        const exit = fiber.pollUnsafe()
        assert.isTrue(exit !== undefined && Exit.hasInterrupts(exit))
      }
    })
  )

  it.effect("what failed is handled again by the next attempt", () =>
    Effect.gen(function* () {
      const receiver = yield* Delivery.makeReceiver()
      const id = { session: "a", sequence: 1 }
      const failed = yield* Effect.result(receiver.receive(id, Effect.fail("no")))
      assert.isTrue(Result.isFailure(failed))
      assert.strictEqual(yield* receiver.receive(id, Effect.succeed("yes")), "yes")
    })
  )

  it.effect("the window is bounded in deliveries, in senders and in time", () =>
    Effect.gen(function* () {
      const receiver = yield* Delivery.makeReceiver({
        maxDeliveries: 2,
        maxSenders: 2,
        retention: "1 minute"
      })
      const runs: Array<string> = []
      const receive = (session: string, sequence: number) =>
        receiver.receive(
          { session, sequence },
          Effect.sync(() => runs.push(`${session}${sequence}`))
        )
      for (const sequence of [1, 2, 3, 3, 2, 1]) yield* receive("a", sequence)
      assert.deepStrictEqual(runs.splice(0), ["a1", "a2", "a3", "a1"])
      yield* receive("b", 1)
      yield* receive("a", 1)
      yield* receive("c", 1)
      // b was unheard of for longest.
      yield* receive("a", 1)
      yield* receive("b", 1)
      assert.deepStrictEqual(runs.splice(0), ["b1", "c1", "b1"])
      yield* TestClock.adjust("59 seconds")
      yield* receive("b", 1)
      assert.deepStrictEqual(runs.splice(0), [])
      yield* TestClock.adjust("1 second")
      yield* receive("b", 1)
      assert.deepStrictEqual(runs.splice(0), ["b1"])
    })
  )

  it.effect(
    "a deadline, a schedule that is over and an error not to be retried end it, with the last error",
    () =>
      Effect.gen(function* () {
        const attempt = (error: string) => Effect.fail(error)
        const slow = yield* Delivery.makeSender({ attempt, deadline: "10 seconds" })
        const late = yield* Effect.forkChild(Effect.flip(slow.deliver("x")), { startImmediately: true })
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(late.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.deepInclude(yield* Fiber.join(late), { _tag: "DeliveryExpired", cause: "x", sequence: 1 })
        const few = yield* Delivery.makeSender({ attempt, retry: Schedule.recurs(2) })
        assert.strictEqual((yield* Effect.flip(few.deliver("y"))).attempts, 3)
        const final = yield* Delivery.makeSender({ attempt, while: (error) => error !== "final" })
        assert.deepInclude(yield* Effect.flip(final.deliver("final")), { attempts: 1, cause: "final" })
        assert.notStrictEqual(few.session, final.session)
      })
  )

  it.effect("with a concurrency of 1 messages arrive in order, whatever is tried again", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      let tries = 0
      const sender = yield* Delivery.makeSender({
        attempt: (text: number) =>
          tries++ % 3 === 0 ? Effect.fail("lost") : Effect.sync(() => seen.push(text)),
        concurrency: 1
      })
      const all = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4, 5, 6], (text) => sender.deliver(text), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(all)
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5, 6])
    })
  )
})
