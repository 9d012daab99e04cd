import type { Connection } from "../Connection.ts"
import { coreOf } from "./coreOf.ts"

/** Has a connection read on while the server stops, until its handler is done: the handler needs what still comes. */
export const readOn = <In, Out>(connection: Connection<In, Out>): void => {
  const core = coreOf(connection)
  if (core !== undefined) core.readsOn = true
}
