/** A client that asks for a name which no certificate is for. */
import * as Tls from "node:tls"

/** The alert `unrecognized_name` (RFC 6066, section 3), as a record of its own: fatal, 112. */
const unrecognizedName = Buffer.of(0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 112)

/** Node has no words for it, so the alert is written below TLS, where nothing has been written yet. */
export const refuseName = (socket: unknown, name: string): Error => {
  if (socket instanceof Tls.TLSSocket && "_parent" in socket) {
    const below = socket._parent
    // The property is Node's own.
    if (
      typeof below === "object" &&
      below !== null &&
      "write" in below &&
      typeof below.write === "function"
    ) {
      below.write(unrecognizedName)
    }
  }
  return new Error(`no certificate is for the name ${JSON.stringify(name)}`)
}
