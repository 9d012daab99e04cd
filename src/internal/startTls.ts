/** A connection goes on in TLS. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CloseReason } from "../CloseReason.ts"
import type { Connection, StartedTls } from "../Connection.ts"
import {
  type ConnectionClosed,
  type InvalidConfig,
  type MessageError,
  TransportError
} from "../SluiceError.ts"
import { formatAddress, type TlsDetails, type TlsUpgrade } from "../Transport.ts"
import type { ConnectionImpl } from "./connection.ts"
import { type Holding, leaving, mayLeave } from "./leaving.ts"

type Options<Out> = Parameters<Connection<never, Out>["startTls"]>[0]

/** Those whose handshake is underway. */
const upgrading = new WeakSet<object>()

type StartTlsError = ConnectionClosed | InvalidConfig | MessageError | TransportError

export const startTls = <In, Out>(
  core: ConnectionImpl<In, Out>,
  from: Holding<In, Out>,
  { ready, ...options }: Options<Out>
): Effect.Effect<StartedTls, StartTlsError> =>
  Effect.suspend(() => {
    const prepare = core.wire.startTls
    if (prepare === undefined || core.tls !== undefined) {
      const detail = core.tls === undefined ? "this transport has no startTls" : "TLS is on already"
      return Effect.fail(failure(core, "NotSupported", detail))
    }
    return Effect.gen(function* () {
      yield* leaving(core, from)
      const upgrade = yield* prepare.call(core.wire, options)
      const payload = ready === undefined ? undefined : yield* from.sender.payloadOf(ready)
      yield* leaving(core, from)
      return yield* begin(core, from, upgrade, payload)
    })
  })

/** From the first step, which happens within this call, the connection comes out in TLS or not at all. */
const begin = <In, Out>(
  core: ConnectionImpl<In, Out>,
  from: Holding<In, Out>,
  upgrade: TlsUpgrade,
  payload: Uint8Array | undefined
): Effect.Effect<StartedTls, StartTlsError> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<StartedTls, StartTlsError> => {
    if (core.tls !== undefined || upgrading.has(core)) {
      return Effect.fail(failure(core, "NotSupported", "TLS is on already, or about to be"))
    }
    // Somebody else may have been here since.
    const may = mayLeave(core, from)
    if (Exit.isFailure(may)) return Exit.failCause(may.cause)
    if (payload !== undefined) {
      const offered = from.sender.outcome(core.outbound.offerLast(payload))
      if (Exit.isFailure(offered)) return Exit.failCause(offered.cause)
    }
    upgrading.add(core)
    const discarded = discardQueued(core) + core.reader.discard() + upgrade.begin()
    core.account()
    const agreed = Effect.andThen(flushed(core), upgrade.handshake).pipe(
      Effect.timeoutOrElse({
        duration: upgrade.timeout,
        orElse: () => Effect.fail(failure(core, "Timeout", "no TLS handshake in time"))
      })
    )
    return Effect.onExit(
      Effect.map(restore(agreed), (tls): StartedTls => ({ tls, discarded })),
      (exit) => Effect.sync(() => settle(core, exit))
    )
  })

const settle = <In, Out>(
  core: ConnectionImpl<In, Out>,
  exit: Exit.Exit<{ readonly tls: TlsDetails }, ConnectionClosed | TransportError>
): void => {
  upgrading.delete(core)
  if (Exit.isSuccess(exit)) {
    core.outbound.drained()
    core.reader.resumeOrPause()
    if (!core.reader.refusing) core.wire.resume()
    core.account()
    return
  }
  const found = Cause.findErrorOption(exit.cause)
  const error =
    found._tag === "Some" && found.value._tag === "TransportError"
      ? found.value
      : failure(core, "Closed", "given up before the handshake was through")
  const reason = CloseReason.TlsFailed({ error })
  core.breaking(reason)
  core.reader.fail(reason)
  core.wire.destroy()
}

/** Completes once the kernel has all that was sent so far; what is sent from now on stays in the queue. */
const flushed = <In, Out>(core: ConnectionImpl<In, Out>): Effect.Effect<void, ConnectionClosed> =>
  Effect.callback((resume) => {
    const cancel = core.gone.onFire(() => resume(Exit.fail(core.closedError())))
    if (core.gone.fired) return undefined
    core.outbound.hold(() => {
      cancel()
      resume(Exit.void)
    })
    return Effect.sync(cancel)
  })

/** Messages that were framed and that nobody has taken. */
const discardQueued = <In, Out>({ inbound }: ConnectionImpl<In, Out>): number => {
  const { bytes } = inbound
  while (inbound.poll() !== undefined);
  return bytes
}

const failure = <In, Out>(
  core: ConnectionImpl<In, Out>,
  kind: TransportError["kind"],
  detail: string
): TransportError =>
  new TransportError({ operation: "startTls", kind, address: formatAddress(core.remoteAddress), detail })
