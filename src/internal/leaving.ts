/** Whether a connection may leave what it speaks, and who holds it before and after. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection } from "../Connection.ts"
import { type ConnectionClosed, InvalidConfig } from "../SluiceError.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { InboundQueue } from "./inboundQueue.ts"
import type { Sender } from "./sender.ts"

/** What became of a connection that left the protocol that it was made with. */
export interface Switched<In, Out> {
  /** The queue of its first protocol, where a message may still be. */
  readonly left: InboundQueue<In>
  /** As it is held now. */
  readonly current: Connection<In, Out>
}

/** A connection as its holder has it: itself at first, and a new one with each switch. */
export interface Holding<In, Out> extends Connection<In, Out> {
  readonly sender: Sender<Out>
}

/** Waits until no message is being decoded, and fails where a connection cannot leave its protocol. */
export const leaving = <In, Out>(
  core: ConnectionImpl<In, Out>,
  from: Holding<In, Out>
): Effect.Effect<void, ConnectionClosed | InvalidConfig> =>
  Effect.andThen(
    core.reader.awaitIdle(),
    Effect.suspend(() => mayLeave(core, from))
  )

/** Fails where a connection cannot leave its protocol. To be asked in the very step that leaves it, too. */
export const mayLeave = <In, Out>(
  core: ConnectionImpl<In, Out>,
  from: Holding<In, Out>
): Exit.Exit<void, ConnectionClosed | InvalidConfig> => {
  if (!core.reader.alive) return Exit.fail(core.closedError())
  if (core.speaking !== from) return refusal("connection", "has switched to another protocol already")
  if (!core.shared.switchable)
    return refusal("protocol", "is not switchable: see Protocol.switchable, and its cost")
  return Exit.void
}

const refusal = (path: string, message: string): Exit.Exit<never, InvalidConfig> =>
  Exit.fail(new InvalidConfig({ problems: [{ path, message }] }))
