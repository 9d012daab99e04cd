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
  readonly acceptor: Acceptor
  /** Where it does listen. */
  readonly boundAddress: (server: Net.Server) => Address
  /** What is left to do once the system listens. */
  readonly publish: Effect.Effect<void, TransportError>
  /** What else ends with the listener, just before it: half-done handshakes, a file. */
  readonly onClose: () => void
}

const bind = (plan: ListenPlan): Effect.Effect<void, TransportError> =>
  Effect.callback<void, TransportError>((resume) => {
    const { server } = plan
    const onListening = () => {
      server.off("error", onError)
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

/** Listens until the scope ends or `close` runs, whichever comes first. Connections are nobody's business here. */
export const listenOn = (plan: ListenPlan): Effect.Effect<Listening, TransportError, Scope.Scope> =>
  Effect.suspend(() => {
    const { acceptor, server } = plan
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
          server.on("error", (error) => acceptor.onError({ address, detail: errorDetail(error) }))
          return { address, close }
        })
      ),
      () => close,
      { interruptible: true }
    )
  })
