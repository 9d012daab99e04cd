/**
 * Servers and clients over any Effect `Socket` and `SocketServer`: WebSockets, Bun, Deno, browsers.
 *
 * A `Socket` has less to offer than TCP, and so have its wires:
 *
 * - No half-close. `end` closes the whole connection once everything is written, and what the peer sends after
 *   that is lost. When the peer closes in good order, `onEnd` comes, and `onClose` after our own `end`.
 * - No reset. `reset` is `destroy`, and the peer sees an ordinary close.
 * - No addresses. Both are `Unknown`.
 * - A `Socket` is one connection at a time: connect again once the last one is closed.
 *
 * Effect's sockets are unstable; this is the only module that knows them.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import { errorCode, errorDetail, transportError } from "./internal/node/nodeError.ts"
import { PullWire } from "./internal/node/pullWire.ts"
import { TransportError } from "./SluiceError.ts"
import { type Acceptor, type Address, Connector, formatAddress, Listener } from "./Transport.ts"

const unknownAddress: Address = { _tag: "Unknown" }

/** Codes of a close that is nobody's fault: normal, going away, none given. */
const orderlyCodes = new Set([1000, 1001, 1005])

/** A WebSocket's cause is an event, with the error in it. */
const causeOf = (reason: Socket.SocketErrorReason): unknown => {
  const cause: unknown = "cause" in reason ? reason.cause : undefined
  return typeof cause === "object" && cause !== null && "error" in cause ? cause.error : (cause ?? reason)
}

/** Why a connection is over; undefined for an orderly close. */
const codeOf = ({ reason }: Socket.SocketError): string | undefined => {
  if (reason._tag !== "SocketCloseError") {
    return errorCode(causeOf(reason))
  }
  return orderlyCodes.has(reason.code) ? undefined : `closed with ${reason.message}`
}

/** Opens a socket's one connection as a wire. */
const openWire = Effect.fnUntraced(function* (socket: Socket.Socket, onGone: () => void) {
  const context = yield* Effect.context<never>()
  const scope = yield* Scope.make()
  return yield* Effect.gen(function* () {
    const pull = yield* Scope.provide(Socket.readerBytes(socket), scope)
    const { writeAll } = yield* Scope.provide(socket.writer, scope)
    return new PullWire({
      pull: Effect.mapError(pull, codeOf),
      push: (chunks) => Effect.mapError(writeAll(chunks), (error) => codeOf(error) ?? "closed"),
      release: Scope.close(scope, Exit.void),
      runFork: Effect.runForkWith(context),
      onGone
    })
  }).pipe(Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)))
})

const connectError = ({ reason }: Socket.SocketError): TransportError =>
  reason._tag === "SocketOpenError" && reason.kind === "Timeout"
    ? new TransportError({
        operation: "connect",
        kind: "Timeout",
        address: "socket",
        detail: reason.message,
        cause: reason.cause
      })
    : transportError("connect", "socket", causeOf(reason))

/**
 * A connector over a socket. Connecting again is for when the last connection is closed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const connectorFromSocket = (socket: Socket.Socket): Context.Service.Shape<typeof Connector> => ({
  connect: Effect.mapError(
    openWire(socket, () => {}),
    connectError
  )
})

/**
 * Connects over the `Socket` of the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient: Layer.Layer<Connector, never, Socket.Socket> = Layer.effect(
  Connector,
  Effect.map(Socket.Socket, connectorFromSocket)
)

interface Serving {
  readonly acceptor: Acceptor
}

const boundAddress = ({ address }: SocketServer.SocketServer["Service"]): Address =>
  address._tag === "UnixPathAddress"
    ? { _tag: "Unix", path: address.path }
    : { _tag: "Tcp", host: String(address.address), port: address.port }

/**
 * Listens on the `SocketServer` of the environment, which has its address from the start and keeps it to the end
 * of its own layer. So `close` cannot free it: later peers are closed at once. The end of this layer ends all
 * connections, for a `SocketServer` does not let them live on.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerServer: Layer.Layer<Listener, never, SocketServer.SocketServer> = Layer.effect(
  Listener,
  Effect.gen(function* () {
    const server = yield* SocketServer.SocketServer
    const scope = yield* Effect.scope
    const address = boundAddress(server)
    let serving: Serving | undefined
    let running = false

    const serve = Effect.fnUntraced(function* (socket: Socket.Socket) {
      if (serving === undefined) {
        // Nothing but a socket that was opened can be closed.
        yield* Effect.ignore(Effect.scoped(socket.reader))
        return
      }
      const { acceptor } = serving
      const gone = Deferred.makeUnsafe<void>()
      const opening = openWire(socket, () => Deferred.doneUnsafe(gone, Exit.void))
      yield* Effect.matchEffect(opening, {
        onFailure: (error) =>
          Effect.sync(() =>
            acceptor.onError({ address: unknownAddress, detail: errorDetail(causeOf(error.reason)) })
          ),
        onSuccess: (wire) =>
          Effect.suspend(() => {
            acceptor.onWire(wire)
            return Deferred.await(gone)
          }).pipe(Effect.onInterrupt(() => Effect.sync(() => wire.destroy())))
      })
    })

    const run = Effect.catch(server.run(serve), (error) =>
      Effect.sync(() => serving?.acceptor.onError({ address, detail: errorDetail(error.reason.cause) }))
    )

    const listen = (acceptor: Acceptor) => {
      const own: Serving = { acceptor }
      const close = Effect.sync(() => {
        if (serving === own) {
          serving = undefined
        }
      })
      const open = Effect.gen(function* () {
        if (serving !== undefined) {
          return yield* Effect.fail(
            new TransportError({
              operation: "listen",
              kind: "AddressInUse",
              address: formatAddress(address),
              detail: "another server listens on this socket server"
            })
          )
        }
        serving = own
        if (!running) {
          running = true
          yield* Effect.forkIn(run, scope, { startImmediately: true })
        }
        return { address, close }
      })
      return Effect.acquireRelease(open, () => close)
    }

    return { listen }
  })
)
