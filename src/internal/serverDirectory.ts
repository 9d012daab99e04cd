/** The servers of a process, for whoever looks after all of them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectionSet } from "./connectionSet.ts"

/** A server that is about to listen. */
export interface LiveServer {
  /** Only compared with. */
  readonly protocol: { readonly name: string }
  readonly connections: ConnectionSet<unknown, unknown, unknown, unknown>
}

export interface ServerDirectory {
  /** Enters a server; what is returned takes it out again. */
  readonly enter: (server: LiveServer) => () => void
}

/** Where servers enter themselves when they are made; by default nobody looks after them. */
export const ServerDirectory = Context.Reference<ServerDirectory>("effect-sluice/ServerDirectory", {
  defaultValue: () => ({ enter: () => () => {} })
})

/** Enters a server for as long as the scope. */
export const enterDirectory = <In, Out, E, R>(
  protocol: { readonly name: string },
  connections: ConnectionSet<In, Out, E, R>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(ServerDirectory, (directory) =>
    Effect.acquireRelease(
      // What they speak is known to those who ask by the protocol.
      Effect.sync(() => directory.enter({ protocol, connections: connections as LiveServer["connections"] })),
      (leave) => Effect.sync(leave)
    )
  )
