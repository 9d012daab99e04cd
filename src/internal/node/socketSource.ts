/**
 * Where the sockets of a listener come from: from a listening socket of this process, or, in a process that others
 * stand beside, from whoever listens for them all.
 */
import type * as Net from "node:net"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Listening } from "../../Transport.ts"
import { listenHere } from "./listenHere.ts"

/** Where to listen: data, which may go to another process. */
export type Place =
  | {
      readonly _tag: "Tcp"
      readonly port: number
      readonly host?: string | undefined
      readonly backlog: number
      readonly ipv6Only: boolean
      /** Not shared with other processes, whoever they are. */
      readonly exclusive: boolean
      /** Shared with whoever says the same: the kernel chooses among them. */
      readonly reusePort?: boolean | undefined
    }
  | {
      readonly _tag: "Unix"
      readonly path: string
      readonly mode?: number | undefined
      readonly backlog: number
    }

/** What a listener is, from the place that it listens at to those who take its sockets. */
export interface SocketPlan {
  readonly place: Place
  /** Options of each socket. */
  readonly options: Pick<Net.ServerOpts, "noDelay" | "keepAlive" | "keepAliveInitialDelay">
  /** A peer is here: paused, half-open, nothing read. */
  readonly onSocket: (socket: Net.Socket) => void
  readonly acceptor: Pick<Acceptor, "onError">
  /** Whether somebody who came is not a connection yet. */
  readonly busy: () => boolean
  /** What else ends with the listener, just before it. */
  readonly onClose: () => void
}

export interface SocketSource {
  /** Listens until the scope ends or `close` runs, whichever comes first. */
  readonly listen: (plan: SocketPlan) => Effect.Effect<Listening, TransportError, Scope.Scope>
}

/** The source that listeners ask when their layer is built. */
export const SocketSource = Context.Reference<SocketSource>("effect-sluice/SocketSource", {
  defaultValue: () => ({ listen: listenHere })
})
