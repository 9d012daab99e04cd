/** What combinators ask for and fail with, and which of them may follow which, as the compiler knows it. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, type Layer, Schedule } from "effect"
import type { Connection, SendError } from "../../src/Connection.ts"
import * as Handler from "../../src/Handler.ts"
import * as Server from "../../src/Server.ts"
import type {
  ConnectionClosed,
  HandlerTimeout,
  InvalidConfig,
  Overloaded,
  TransportError
} from "../../src/SluiceError.ts"
import type { Listener } from "../../src/Transport.ts"
import * as Workers from "../../src/Workers.ts"
import { type Alarm, compiles, Denied, Pump, type Reading, Store, type StoreFull, Sum } from "./support.ts"

type Numbers = { readonly numbers: ReadonlyArray<number> }
type Peer = Connection<Numbers, string>

const save = Effect.flatMap(Store, ({ save }) => save)
const denied = Effect.fail(new Denied())

const base = Handler.each(Sum, (message, connection) => {
  expectTypeOf(message).toEqualTypeOf<Numbers>()
  expectTypeOf(connection).toEqualTypeOf<Peer>()
  return connection.send("text")
})

describe("handlers of single messages", () => {
  it("are handlers, and take their types from the protocol", () => {
    expectTypeOf(base).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError>>()
    expectTypeOf(base).toExtend<Handler.Handler<Numbers, string, SendError>>()
    assert.isFunction(base)
  })

  it("one that sends nothing fits every server", () => {
    const quiet = Handler.each((_message: Numbers) => Effect.void).pipe(Handler.concurrency(2))
    compiles(() => Server.make(Sum, quiet))
    expectTypeOf(quiet).toExtend<Handler.Handler<Numbers, string, ConnectionClosed>>()
  })
})

describe("combinators of single messages", () => {
  it("add what they fail with and ask for", () => {
    const timed = base.pipe(Handler.timeout("1 second"))
    expectTypeOf(timed).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError | HandlerTimeout>>()
    const answered = base.pipe(
      Handler.timeout("1 second", {
        onTimeout: (message, connection) => {
          expectTypeOf(message).toEqualTypeOf<Numbers>()
          expectTypeOf(connection).toEqualTypeOf<Peer>()
          return save
        }
      })
    )
    expectTypeOf(answered).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError | StoreFull, Store>>()
    const shed = base.pipe(Handler.loadShed(10))
    expectTypeOf(shed).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError | Overloaded>>()
    const tapped = base.pipe(Handler.tap(() => save))
    expectTypeOf(tapped).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError | StoreFull, Store>>()
    const limited = base.pipe(
      Handler.rateLimit({ messages: 1 }, { onLimited: (_message, connection) => connection.send("no") })
    )
    expectTypeOf(limited).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError>>()
    const filtered = base.pipe(
      Handler.filter(({ numbers }) => numbers.length > 0, { otherwise: () => denied })
    )
    expectTypeOf(filtered).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError | Denied>>()
  })

  it("retry knows the failures", () => {
    const retried = base.pipe(
      Handler.tap(() => denied),
      Handler.retry({
        schedule: Schedule.recurs(3),
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<SendError | Denied>()
          return error._tag === "Denied"
        }
      })
    )
    expectTypeOf(retried).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError | Denied>>()
  })

  it("orderBy knows the messages", () => {
    const ordered = base.pipe(
      Handler.orderBy((message) => {
        expectTypeOf(message).toEqualTypeOf<Numbers>()
        return message.numbers.length
      }),
      Handler.buffer(3)
    )
    expectTypeOf(ordered).toEqualTypeOf<Handler.PerMessage<Numbers, string, SendError>>()
  })

  it("refine makes a handler of some messages one of more", () => {
    const readings = Handler.each((_reading: Reading) => Effect.void)
    const both = readings.pipe(
      Handler.refine((message: Reading | Alarm): message is Reading => message._tag === "Reading")
    )
    expectTypeOf(both).toExtend<Handler.Handler<Reading | Alarm, never, ConnectionClosed>>()
    // @ts-expect-error
    compiles(() => readings.pipe(Handler.refine((message: unknown): message is Alarm => message === 1)))
  })

  it("a route is one, too", () => {
    const handler = Handler.route(Pump, {
      Reading: () => save,
      Alarm: () => Effect.void,
      Stop: () => Effect.void
    }).pipe(Handler.orderBy(({ _tag }) => _tag))
    compiles(() => Server.make(Pump, handler))
  })

  it("workers are asked for", () => {
    const handler = base.pipe(Workers.limit())
    const layer = Server.layer(Sum, handler)
    expectTypeOf(layer).toEqualTypeOf<
      Layer.Layer<Server.Server, InvalidConfig | TransportError, Listener | Workers.Workers>
    >()
    const rejecting = base.pipe(
      Workers.limit({
        overflow: "reject",
        onBusy: (message, connection) => {
          expectTypeOf(message).toEqualTypeOf<Numbers>()
          expectTypeOf(connection).toEqualTypeOf<Peer>()
          return denied
        }
      })
    )
    expectTypeOf(rejecting).toEqualTypeOf<
      Handler.PerMessage<Numbers, string, SendError | Denied, Workers.Workers>
    >()
    // @ts-expect-error
    compiles(() => base.pipe(Workers.limit({ overflow: "reject" })))
  })
})

describe("combinators of connections", () => {
  it("take any handler, and add what they ask for", () => {
    const handler = base.pipe(
      Handler.onOpen((connection) => {
        expectTypeOf(connection).toEqualTypeOf<Peer>()
        return denied
      }),
      Handler.onClose(() => Effect.ignore(save)),
      Handler.catchReason("DeadlineExceeded", ({ deadline }) => Effect.log(deadline)),
      Handler.goodbye(() => Effect.succeed("bye"))
    )
    expectTypeOf(handler).toEqualTypeOf<Handler.Handler<Numbers, string, SendError | Denied, Store>>()
    compiles(() => Handler.onOpen((_connection: Peer) => save)((_connection: Peer) => Effect.void))
  })

  it("stand last: what is done with a message is out of reach behind them", () => {
    const opened = Handler.onOpen((_connection: Peer) => Effect.void)(base)
    // @ts-expect-error
    compiles(() => Handler.timeout("1 second")(opened))
    // @ts-expect-error
    compiles(() => Handler.concurrency(2)(opened))
    // @ts-expect-error
    compiles(() => Workers.limit()(opened))
    compiles(() =>
      base.pipe(
        Handler.onOpen(() => Effect.void),
        // @ts-expect-error
        Handler.timeout("1 second")
      )
    )
  })
})
