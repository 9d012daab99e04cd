/** A protocol, a server that speaks it in memory, and a raw end that says what it likes. */
import { Deferred, Effect, Schema } from "effect"
import * as Framing from "../../src/Framing.ts"
import * as JsonRpc from "../../src/JsonRpc.ts"
import { Connector } from "../../src/Transport.ts"
import { FramingLaws } from "../../src/testing/index.ts"
import { eventually } from "../support/pair.ts"

export const Numbers = Schema.Tuple([Schema.Finite, Schema.Finite])

export const Calculator = JsonRpc.make("Calculator", {
  fromClient: {
    requests: {
      subtract: { params: Numbers, result: Schema.Finite },
      divide: { params: Schema.Struct({ by: Schema.Finite, n: Schema.Finite }), result: Schema.Finite },
      later: { result: Schema.Date },
      wait: {},
      shutdown: { result: Schema.Null }
    },
    notifications: { update: { params: Schema.Array(Schema.Finite) }, stop: {} }
  },
  fromServer: {
    requests: { ask: { params: Schema.Struct({ question: Schema.String }), result: Schema.Boolean } },
    notifications: { progress: { params: Schema.Struct({ done: Schema.Finite }) } }
  }
})

/** What a server did. */
export const makeServer = Effect.gen(function* () {
  const updates: Array<ReadonlyArray<number>> = []
  const waiting = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const handler = JsonRpc.handler(Calculator, {
    requests: {
      subtract: ([a, b]) => Effect.succeed(a - b),
      divide: ({ by, n }) =>
        by === 0
          ? Effect.fail(new JsonRpc.JsonRpcError({ code: 1, message: "by zero", data: { n } }))
          : Effect.succeed(n / by),
      later: () => Effect.succeed(new Date(0)),
      wait: () =>
        Deferred.succeed(waiting, undefined).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        ),
      shutdown: () => Effect.succeed(null)
    },
    notifications: {
      update: (numbers) => Effect.sync(() => updates.push(numbers)),
      stop: () => Effect.fail("stopped")
    }
  })
  return { handler, updates, waiting, interrupted }
})

export const framed = (text: string): Uint8Array =>
  FramingLaws.encodeAll(Framing.contentLength(), [Buffer.from(text)]).wire

/** A peer that writes texts, each as one message, and reads JSON. */
export const rawPeer = Effect.gen(function* () {
  const { connect } = yield* Connector
  const wire = yield* Effect.acquireRelease(connect, (wire) => Effect.sync(() => wire.destroy()))
  const decoder = Framing.contentLength().makeDecoder()
  const heard: Array<unknown> = []
  let closed = false
  wire.attach({
    onData: (chunk) => {
      const frames: Array<Uint8Array> = []
      decoder.push(chunk, frames)
      for (const frame of frames) heard.push(JSON.parse(Buffer.from(frame).toString()))
    },
    onEnd: () => wire.end(),
    onDrain: () => {},
    onClose: () => {
      closed = true
    }
  })
  return {
    heard,
    say: (...texts: ReadonlyArray<string>) => Effect.sync(() => wire.write(Buffer.concat(texts.map(framed)))),
    end: Effect.sync(() => wire.end()),
    hears: (count: number) =>
      Effect.as(
        eventually(() => heard.length >= count, `${count} answers, not ${JSON.stringify(heard)}`),
        heard
      ),
    closes: eventually(() => closed, "it is closed")
  }
})
