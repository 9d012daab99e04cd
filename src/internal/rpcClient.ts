/** The calls of RPC clients, over one connection after the other. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientError } from "effect/rpc/RpcClientError"
import type * as RpcMessage from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import * as Client from "../Client.ts"
import type { ClientOptions } from "../Rpc.ts"
import type { ConnectError } from "../SluiceError.ts"
import type { Connector } from "../Transport.ts"
import { type Bytes, encode, type Peer, protocolOf } from "./rpcProtocol.ts"

/** The connection at hand. */
interface Link {
  readonly connection: Peer
  readonly parser: RpcSerialization.Parser
}

const defaultRetry = Schedule.min([Schedule.exponential(500, 1.5), Schedule.spaced(5000)])

const lostError = (cause: unknown): RpcClientError =>
  new RpcClientError({ reason: new Socket.SocketReadError({ cause }) })

export const makeRpcClient = (
  options: ClientOptions = {}
): Effect.Effect<
  RpcClient.Protocol["Service"],
  ConnectError,
  Connector | RpcSerialization.RpcSerialization | Scope.Scope
> =>
  RpcClient.Protocol.make(
    Effect.fnUntraced(function* (write, clientIds) {
      const serialization = yield* RpcSerialization.RpcSerialization
      const hooks = yield* Effect.serviceOption(RpcClient.ConnectionHooks)
      const ready = yield* Deferred.make<void, ConnectError>()
      const { framing, retry = defaultRetry, ...clientOptions } = options
      const protocol = protocolOf(framing)
      /** Which `RpcClient` asked. */
      const askers = new Map<string | number, number>()
      let link: Link | undefined
      let failure = lostError("not connected yet")

      const broadcast = (message: RpcMessage.FromServerEncoded): Effect.Effect<void> => {
        if (message._tag === "Defect" || message._tag === "ClientProtocolError") askers.clear()
        return Effect.uninterruptible(
          Effect.forEach([...clientIds], (clientId) => write(clientId, message), { discard: true })
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

      const receive = Effect.fnUntraced(function* ({ parser }: Link, frames: ReadonlyArray<Bytes>) {
        for (const frame of frames) {
          // What cannot be parsed ends the connection: where the next message begins, nobody knows.
          const messages = yield* Effect.try({
            try: () => parser.decode(frame) as ReadonlyArray<RpcMessage.FromServerEncoded>,
            catch: (error) => error
          })
          for (const message of messages) yield* heard(message)
        }
      })

      const once = Effect.gen(function* () {
        const connection = yield* Client.connect(protocol, clientOptions)
        const own: Link = { connection, parser: serialization.makeUnsafe() }
        link = own
        yield* Deferred.succeed(ready, undefined)
        if (Option.isSome(hooks)) yield* hooks.value.onConnect
        const end = yield* Effect.flip(
          Effect.andThen(
            Stream.runForEachArray(connection.messages, (frames) => receive(own, frames)),
            Effect.fail("the server ended the connection")
          )
        )
        failure = lostError(end)
        link = undefined
        yield* broadcast({ _tag: "ClientProtocolError", error: failure })
        if (Option.isSome(hooks)) yield* hooks.value.onDisconnect
      }).pipe(
        Effect.scoped,
        Effect.tapError((error) => Deferred.fail(ready, error))
      )

      // A server that accepts and closes at once is not to be asked all the time.
      const pause = Effect.sleep(500)
      yield* Effect.retry(once, retry).pipe(
        Effect.andThen(pause),
        Effect.forever,
        Effect.ignore,
        Effect.forkScoped
      )
      yield* Deferred.await(ready)

      const send = (message: RpcMessage.FromClientEncoded): Effect.Effect<void, RpcClientError> =>
        Effect.suspend(() => {
          if (link === undefined) return Effect.fail(failure)
          const bytes = encode(link.parser, message)
          return bytes === undefined ? Effect.void : Effect.mapError(link.connection.send(bytes), lostError)
        })

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
