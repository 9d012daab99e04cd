/** The one connection behind whatever its handler holds of it. */
import type { Connection } from "../Connection.ts"
import { ConnectionImpl } from "./connection.ts"
import type { Holding } from "./leaving.ts"
import { SwitchedConnection } from "./switchedConnection.ts"

/** Undefined for a connection that is not of this library. */
export const coreOf = <In, Out>(connection: Connection<In, Out>): ConnectionImpl<In, Out> | undefined => {
  if (connection instanceof ConnectionImpl) return connection
  return connection instanceof SwitchedConnection ? connection.core : undefined
}

/** The connection with what sends for this holder, and for no other. Undefined for one that is not of this library. */
export const holdingOf = <In, Out>(connection: Connection<In, Out>): Holding<In, Out> | undefined =>
  connection instanceof ConnectionImpl || connection instanceof SwitchedConnection ? connection : undefined
