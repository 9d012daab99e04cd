import type { Connection } from "../Connection.ts"
import { ConnectionImpl } from "./connection.ts"

/** Has a connection read on while the server stops, until its handler is done: the handler needs what still comes. */
export const readOn = <In, Out>(connection: Connection<In, Out>): void => {
  if (connection instanceof ConnectionImpl) connection.readsOn = true
}
