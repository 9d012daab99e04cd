/**
 * Listening on a Node server, TCP or TLS or a Unix path.
 */
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Address, Listening } from "../../Transport.ts"
import { errorDetail, transportError } from "./nodeError.ts"

/** What tells one kind of listener from another. */
export interface ListenPlan {
  readonly server: Net.Server
  readonly options: Net.ListenOptions
  /** Where it is to listen, for errors. */
  readonly target: string
  readonly acceptor: Pick<Acceptor, "onError">
  /** Where it does listen. */
  readonly boundAddress: (server: Net.Server) => Address
  /** What is left to do once the system listens. */
  readonly publish: Effect.Effect<void, TransportError>
  /** Whether somebody who came is not a connection yet. */
  readonly busy: () => boolean
  /** What else ends with the listener, just before it: half-done handshakes, a file. */
  readonly onClose: () => void
}

const bind = (plan: ListenPlan): Effect.Effect<void, TransportError> =>
  Effect.callback<void, TransportError>((resume) => {
    const { acceptor, boundAddress, server } = plan
    const onListening = () => {
      server.off("error", onError)
      // From here on, and after the close too: an error of the server's is told, and never ends the process.
      server.on("error", (failure) =>
        acceptor.onError({ address: boundAddress(server), kind: "Accept", detail: errorDetail(failure) })
      )
      resume(Effect.void)
    }
    const onError = (error: Error) => {
      server.off("listening", onListening)
      resume(Effect.fail(transportError("listen", plan.target, error)))
    }
    server.once("listening", onListening)
    server.once("error", onError)
    server.listen(plan.options)
  })

/** Turns of the event loop without a peer after which nobody is left who had come before. */
const quietTurns = 3

/**
 * The longest a sweep takes, in milliseconds. Each peer takes a turn, and on a machine that is busy with something else
 * a turn may take a tenth of a second; who is left out is reset. A backlog at most is waited for in any case.
 */
const maximumSweep = 5000

/** The longest it waits for those who are here and are no connections yet, in milliseconds. */
const maximumWait = 250

/** Waits until the backlog is empty, as far as one can know: `net.Server` accepts meanwhile. */
const sweep = ({ busy, options, server }: ListenPlan): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const begun = performance.now()
    // The system keeps them in order: once so many have come, all who had come before are among them.
    let before = options.backlog ?? Number.POSITIVE_INFINITY
    // The turn at hand has asked for new peers already.
    let quiet = -1
    const onConnection = () => {
      quiet = -1
      before--
    }
    const turn = () => {
      const elapsed = performance.now() - begun
      if (elapsed < maximumWait && busy()) quiet = -1
      if (++quiet < quietTurns && before >= 0 && elapsed < maximumSweep) {
        next = setImmediate(turn)
      } else {
        server.off("connection", onConnection)
        resume(Effect.void)
      }
    }
    server.on("connection", onConnection)
    let next = setImmediate(turn)
    return Effect.sync(() => {
      server.off("connection", onConnection)
      clearImmediate(next)
    })
  })

/** Listens until the scope ends or `close` runs, whichever comes first. Connections are nobody's business here. */
export const listenOn = (plan: ListenPlan): Effect.Effect<Listening, TransportError, Scope.Scope> =>
  Effect.suspend(() => {
    const { server } = plan
    let open = true
    const close = Effect.sync(() => {
      if (open) {
        open = false
        plan.onClose()
        if (!server.listening) {
          // Given up while the host's name was being looked up, which nothing can stop.
          server.once("listening", () => server.close())
        }
        // Its callback waits for every connection; the address is free when this returns.
        server.close()
      }
    })
    return Effect.acquireRelease(
      bind(plan).pipe(
        Effect.andThen(plan.publish),
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : close)),
        Effect.map((): Listening => {
          const address = plan.boundAddress(server)
          return { address, close, sweep: sweep(plan) }
        })
      ),
      () => close,
      { interruptible: true }
    )
  })
