/** The clients of an RPC server, and what they asked. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as RpcMessage from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ServerOptions } from "../Rpc.ts"
import * as Server from "../Server.ts"
import { InvalidConfig } from "../SluiceError.ts"
import { readOn } from "./readOn.ts"
import { type Bytes, encode, type Peer, protocolOf } from "./rpcProtocol.ts"
import { Signal } from "./signal.ts"

/** A client of the server. */
interface Caller {
  readonly connection: Peer
  readonly parser: RpcSerialization.Parser
  readonly calls: Set<string | number>
  /** All that was asked is answered, after the end of the asking. */
  readonly answered: Deferred.Deferred<void>
  receiving: boolean
  draining: boolean
  /** No more calls are taken. */
  ended: boolean
}

type Take = (clientId: number, message: RpcMessage.FromClientEncoded) => Effect.Effect<void>

export const makeRpcServer = Effect.fnUntraced(function* (options: ServerOptions = {}) {
  const serialization = yield* RpcSerialization.RpcSerialization
  const encodeDefect = Schema.encodeSync(serialization.codecFor(Schema.Defect()))
  const disconnects = yield* Queue.make<number>()
  const callers = new Map<number, Caller>()
  const running = new Signal()
  const { framing, maxCalls = 1024, ...serverOptions } = options
  if (!Number.isSafeInteger(maxCalls) || maxCalls < 1) {
    const message = `must be a whole number of 1 or more, is ${maxCalls}`
    return yield* new InvalidConfig({ problems: [{ path: "maxCalls", message }] })
  }
  let take: Take = () => Effect.void

  const reply = (caller: Caller, message: RpcMessage.FromServerEncoded): Effect.Effect<void> =>
    Effect.suspend(() => {
      const bytes = encode(caller.parser, message)
      if (message._tag === "Exit") caller.calls.delete(message.requestId)
      else if (message._tag === "Defect") caller.calls.clear()
      // Whoever is gone needs no answer; a message that does not fit is a defect of the call.
      return bytes === undefined
        ? Effect.void
        : Effect.orDie(Effect.catchTag(caller.connection.send(bytes), "ConnectionClosed", () => Effect.void))
    })

  const heard = (caller: Caller, message: RpcMessage.FromClientEncoded): Effect.Effect<void> => {
    if (message._tag === "Request" && message.isNotification !== true) {
      const refusal = caller.ended
        ? "the server is stopping"
        : caller.calls.size >= maxCalls
          ? `more than ${maxCalls} calls are in flight`
          : undefined
      if (refusal !== undefined) {
        return reply(
          caller,
          RpcMessage.ResponseExitDieEncoded({
            requestId: RpcMessage.RequestId(message.id),
            encodedDefect: encodeDefect(new Error(refusal))
          })
        )
      }
      caller.calls.add(message.id)
    }
    return message._tag === "Eof" ? Effect.void : take(caller.connection.id, message)
  }

  const receive = Effect.fnUntraced(function* (caller: Caller, frames: ReadonlyArray<Bytes>) {
    caller.receiving = true
    for (const frame of frames) {
      let messages: ReadonlyArray<RpcMessage.FromClientEncoded>
      try {
        // What it is, the RPC server finds out.
        messages = caller.parser.decode(frame) as typeof messages
      } catch (error) {
        yield* reply(caller, RpcMessage.ResponseDefectEncoded(encodeDefect(error)))
        return yield* caller.connection.close
      }
      for (const message of messages) yield* heard(caller, message)
    }
    caller.receiving = false
    if (caller.draining) yield* endIfQuiet(caller)
  })

  /** The end of the asking, once all that was read before is on its way. */
  const endIfQuiet = (caller: Caller): Effect.Effect<void> => {
    if (caller.ended || caller.receiving || caller.connection.stats.inboundMessages > 0) return Effect.void
    caller.ended = true
    return take(caller.connection.id, RpcMessage.constEof)
  }

  const drained = (caller: Caller): Effect.Effect<void> =>
    caller.connection.draining.pipe(
      Effect.andThen(
        Effect.suspend(() => {
          caller.draining = true
          return endIfQuiet(caller)
        })
      ),
      Effect.andThen(Deferred.await(caller.answered))
    )

  const serve = Effect.fnUntraced(function* (connection: Peer) {
    const caller: Caller = {
      connection,
      parser: serialization.makeUnsafe(),
      calls: new Set(),
      answered: yield* Deferred.make<void>(),
      receiving: false,
      draining: false,
      ended: false
    }
    // Streams need their acknowledgements to come to their end.
    readOn(connection)
    callers.set(connection.id, caller)
    yield* Effect.addFinalizer(() => {
      callers.delete(connection.id)
      return Queue.offer(disconnects, connection.id)
    })
    yield* Effect.raceFirst(running.await(), connection.draining)
    if (!running.fired) return
    yield* Effect.raceFirst(
      Stream.runForEachArray(connection.messages, (frames) => receive(caller, frames)),
      drained(caller)
    )
  })

  const server = yield* Server.make(protocolOf(framing), serve, serverOptions)
  const protocol = RpcServer.Protocol.of({
    run: (f) =>
      Effect.suspend(() => {
        take = f
        running.fire()
        // The answers need whoever answers: it ends after the drain.
        return Effect.onExit(Effect.never, () => server.stop)
      }),
    disconnects,
    send: (clientId, message) => {
      const caller = callers.get(clientId)
      return caller === undefined ? Effect.void : reply(caller, message)
    },
    end: (clientId) =>
      Effect.suspend(() => {
        const caller = callers.get(clientId)
        return caller === undefined ? Effect.void : Deferred.succeed(caller.answered, undefined)
      }),
    clientIds: Effect.sync(() => new Set(callers.keys())),
    initialMessage: Effect.succeed(Option.none()),
    supportsAck: true,
    supportsTransferables: false,
    supportsSpanPropagation: true,
    supportsNotifications: true,
    codecFor: serialization.codecFor
  })
  return { server, protocol }
})
