import type { ConnectionImpl } from "./connection.ts"

/** Why a connection takes no messages of the server's protocol, if so: it left it, or has not begun it. */
export const awayFrom = <In, Out>(connection: ConnectionImpl<In, Out>): "switched" | "closed" | undefined => {
  if (connection.switched !== undefined) return "switched"
  return connection.greeting === undefined ? undefined : "closed"
}
