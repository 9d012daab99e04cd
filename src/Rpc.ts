/**
 * Effect's RPC over this library's servers and clients: its calls, streams and errors, with the framing, the limits,
 * the heartbeat and the drain of ours.
 *
 * Not part of the root, for it loads Effect's RPC: import it as `effect-sluice/Rpc`. Effect's RPC is unstable; only
 * this module knows it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcMessage from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Socket from "effect/socket/Socket"
import * as Client from "./Client.ts"
import type * as Framing from "./Framing.ts"
import { readOn } from "./internal/readOn.ts"
import {
  type Bytes,
  type Caller,
  encode,
  type Parser,
  type Peer,
  rpcProtocol
} from "./internal/rpcProtocol.ts"
import { Signal } from "./internal/signal.ts"
import * as Server from "./Server.ts"
import { type ConnectError, type ConnectFailure, InvalidConfig } from "./SluiceError.ts"
import type { Connector, Listener } from "./Transport.ts"

/**
 * What both ends have to agree on.
 *
 * @category options
 * @since 0.1.0
 */
export interface FramingOptions {
  /**
   * What separates the serialized messages. Default: `Framing.lengthPrefixed()`, with its maximum of 1 MiB. With `none` and
   * a serialization that frames itself, the other end may be Effect's socket protocol, and we have no heartbeat.
   */
  readonly framing?: Framing.Framing | undefined
}

/**
 * How a server lives, and how much a client may ask of it.
 *
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions
  extends Omit<Server.ServerOptions<Uint8Array>, "goodbye" | "farewell">,
    FramingOptions {
  /** How many calls of one client may be in flight, 1 or more. Another one is answered with a defect. Default 1024. */
  readonly maxCalls?: number | undefined
}

/**
 * How a client lives. It connects again as any client that comes back: see `reconnect` and `stableAfter` there.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClientOptions
  extends Omit<Client.MakeOptions<Uint8Array, Uint8Array>, "whenDown" | "onConnect" | "onConnectTimeout">,
    FramingOptions {}

/**
 * Starts a server, and hands its clients to an `RpcServer`. A client's id is that of its connection.
 *
 * Clients are accepted at once, and heard when the `RpcServer` runs. When that ends, or the server stops, whichever is
 * first, what was asked is still answered as `drainTimeout` allows, streams with their acknowledgements; then clients
 * are closed. A client that ends its side is gone, and what it asked is interrupted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeServer: (
  options?: ServerOptions
) => Effect.Effect<
  { readonly server: Server.Server["Service"]; readonly protocol: RpcServer.Protocol["Service"] },
  ConnectError,
  Listener | RpcSerialization.RpcSerialization | Scope.Scope
> = Effect.fnUntraced(function* (options: ServerOptions = {}) {
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
  let take: Parameters<RpcServer.Protocol["Service"]["run"]>[0] = () => Effect.void

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

  const server = yield* Server.make(rpcProtocol(framing), serve, serverOptions)
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

/**
 * The `Protocol` of Effect's `RpcServer`, and the server that it rides on.
 *
 * **Example** (A greeter)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import * as EffectRpc from "effect/rpc/Rpc"
 * import * as RpcGroup from "effect/rpc/RpcGroup"
 * import * as RpcSerialization from "effect/rpc/RpcSerialization"
 * import * as RpcServer from "effect/rpc/RpcServer"
 * import { TransportNode } from "effect-sluice"
 * import * as Rpc from "effect-sluice/Rpc"
 *
 * const Greeter = RpcGroup.make(
 *   EffectRpc.make("Greet", { payload: { name: Schema.String }, success: Schema.String })
 * )
 *
 * const GreeterServer = RpcServer.layer(Greeter).pipe(
 *   Layer.provide(Greeter.toLayer({ Greet: ({ name }) => Effect.succeed(`hello, ${name}`) })),
 *   Layer.provide(Rpc.layerServer()),
 *   Layer.provide([TransportNode.layerTcp({ port: 7000 }), RpcSerialization.layerJson])
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerServer = (
  options?: ServerOptions
): Layer.Layer<
  RpcServer.Protocol | Server.Server,
  ConnectError,
  Listener | RpcSerialization.RpcSerialization
> =>
  Layer.effectContext(
    Effect.map(makeServer(options), ({ protocol, server }) =>
      Context.make(RpcServer.Protocol, protocol).pipe(Context.add(Server.Server, server))
    )
  )

const lostError = (cause: unknown): RpcClientError =>
  new RpcClientError({ reason: new Socket.SocketReadError({ cause }) })

/**
 * Connects, and hands the calls of Effect's `RpcClient`s to the connection; fails where the first connection does.
 *
 * When the connection is lost, what is in flight fails at once with an `RpcClientError` whose reason holds why, as do
 * calls until it is there again; whether a call may be asked once more, only its caller knows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeClient = (
  options: ClientOptions = {}
): Effect.Effect<
  RpcClient.Protocol["Service"],
  ConnectError | ConnectFailure,
  Connector | RpcSerialization.RpcSerialization | Scope.Scope
> =>
  RpcClient.Protocol.make(
    Effect.fnUntraced(function* (write, clientIds) {
      const serialization = yield* RpcSerialization.RpcSerialization
      const hooks = yield* Effect.serviceOption(RpcClient.ConnectionHooks)
      const { framing, ...clientOptions } = options
      const protocol = rpcProtocol(framing)
      const client = yield* Client.make(protocol, clientOptions)
      /** Which `RpcClient` asked. */
      const askers = new Map<string | number, number>()
      let link: Pick<Caller, "connection" | "parser"> | undefined
      const ready = new Signal()
      let failure = lostError("not connected yet")

      const broadcast = (message: RpcMessage.FromServerEncoded): Effect.Effect<void> => {
        // One that has just been made may have asked already, and is told when it runs.
        const told = new Set([...clientIds, ...askers.values()])
        if (message._tag === "Defect" || message._tag === "ClientProtocolError") askers.clear()
        return Effect.uninterruptible(
          Effect.forEach(told, (clientId) => write(clientId, message), { discard: true })
        )
      }

      const heard = (message: RpcMessage.FromServerEncoded): Effect.Effect<void> => {
        if (message._tag === "Pong") return Effect.void
        if (message._tag === "Chunk" || message._tag === "Exit") {
          const clientId = askers.get(message.requestId)
          if (message._tag === "Exit") askers.delete(message.requestId)
          // Nobody waits for it any more.
          return clientId === undefined ? Effect.void : write(clientId, message)
        }
        return broadcast(message)
      }

      const receive = Effect.fnUntraced(function* (parser: Parser, frames: ReadonlyArray<Bytes>) {
        for (const frame of frames) {
          // What cannot be parsed ends the connection: where the next message begins, nobody knows.
          const messages = yield* Effect.try({
            try: () => parser.decode(frame) as ReadonlyArray<RpcMessage.FromServerEncoded>,
            catch: (error) => error
          })
          for (const message of messages) yield* heard(message)
        }
      })

      const lost = (cause: unknown): Effect.Effect<void> => {
        failure = lostError(cause)
        link = undefined
        return broadcast({ _tag: "ClientProtocolError", error: failure })
      }

      const send = (message: RpcMessage.FromClientEncoded): Effect.Effect<void, RpcClientError> =>
        Effect.suspend(() => {
          if (link === undefined) return Effect.fail(failure)
          const bytes = encode(link.parser, message)
          return bytes === undefined ? Effect.void : Effect.mapError(link.connection.send(bytes), lostError)
        })

      const once = Effect.gen(function* () {
        const connection = yield* client.awaitUp
        const parser = serialization.makeUnsafe()
        link = { connection, parser }
        ready.fire()
        // A server wants to hear something soon, and now and then where the framing has no heartbeat.
        const ping = Effect.ignore(send(RpcMessage.constPing))
        yield* ping
        if (protocol.heartbeat === undefined) yield* connection.runEvery("20 seconds", ping)
        if (Option.isSome(hooks)) yield* hooks.value.onConnect
        const end = yield* Effect.flip(
          Effect.andThen(
            Stream.runForEachArray(connection.messages, (frames) => receive(parser, frames)),
            Effect.fail("the server ended the connection")
          )
        )
        yield* connection.close
        yield* lost(end)
        if (Option.isSome(hooks)) yield* hooks.value.onDisconnect
      })
      yield* Effect.forkScoped(Effect.catch(Effect.forever(once), lost), { startImmediately: true })
      const failed = Stream.runForEach(SubscriptionRef.changes(client.status), (status) =>
        "failure" in status ? Effect.fail(status.failure) : Effect.void
      )
      yield* Effect.raceFirst(ready.await(), Effect.andThen(failed, Effect.never))

      return {
        send: (clientId, message) => {
          if (message._tag === "Interrupt") askers.delete(message.requestId)
          if (message._tag !== "Request") return send(message)
          askers.set(message.id, clientId)
          return Effect.onError(send(message), () => Effect.sync(() => askers.delete(message.id)))
        },
        supportsAck: true,
        supportsTransferables: false,
        codecFor: serialization.codecFor
      }
    })
  )

/**
 * The `Protocol` of Effect's `RpcClient`, over a connection that is made again when it is lost.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options?: ClientOptions
): Layer.Layer<
  RpcClient.Protocol,
  ConnectError | ConnectFailure,
  Connector | RpcSerialization.RpcSerialization
> => Layer.effect(RpcClient.Protocol, makeClient(options))
