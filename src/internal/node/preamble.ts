/**
 * What comes first on a wire of plain text, and should not: a TLS handshake, or the header of a proxy that is not
 * believed. Nothing is held back meanwhile.
 */
import { UnexpectedPreamble } from "../../SluiceError.ts"
import { copyOf } from "../bytes.ts"
import { looksLikeHeader } from "../proxy/parse.ts"

/** So many bytes are enough to know. */
const enough = 12

/**
 * Whether bytes begin as the ClientHello of TLS does: a record of a handshake (RFC 8446, section 5.1), whose first
 * message is a ClientHello (section 4) of the length that the record leaves it, of a version that begins with 3.
 */
export const looksLikeClientHello = (bytes: Uint8Array): "yes" | "perhaps" | "no" => {
  const [type, major, minor, high, low, message, top, middle, bottom, version] = bytes
  if (type !== undefined && type !== 0x16) return "no"
  if (major !== undefined && major !== 0x03) return "no"
  if (minor !== undefined && minor > 0x04) return "no"
  if (message !== undefined && message !== 0x01) return "no"
  if (bottom !== undefined) {
    const record = (high! << 8) | low!
    const hello = (top! << 16) | (middle! << 8) | bottom
    // One that does not fit into its record goes on in the next.
    if (record < 4 || hello < record - 4) return "no"
  }
  if (version === undefined) return "perhaps"
  return version === 0x03 ? "yes" : "no"
}

/** The first bytes of one wire. */
export class Preamble {
  private readonly tls: boolean
  private readonly proxy: boolean
  private held: Uint8Array | undefined

  /** What is not to be: a ClientHello, a PROXY header. */
  constructor(tls: boolean, proxy: boolean) {
    this.tls = tls
    this.proxy = proxy
  }

  /** The next bytes: what is wrong, `more` where that is still open, or undefined where nothing is. */
  look(chunk: Uint8Array): UnexpectedPreamble | "more" | undefined {
    const bytes = this.held === undefined ? chunk : joined(this.held, chunk)
    const hello = this.tls ? looksLikeClientHello(bytes) : "no"
    const header = this.proxy ? looksLikeHeader(bytes) : "no"
    if (hello === "yes") return new UnexpectedPreamble({ preamble: "TlsClientHello" })
    if (header === "yes") return new UnexpectedPreamble({ preamble: "ProxyHeader" })
    if (hello === "no" && header === "no") return undefined
    this.held = copyOf(bytes.subarray(0, enough))
    return "more"
  }
}

const joined = (held: Uint8Array, chunk: Uint8Array): Uint8Array => {
  const rest = chunk.subarray(0, enough - held.length)
  const bytes = new Uint8Array(held.length + rest.length)
  bytes.set(held)
  bytes.set(rest, held.length)
  return bytes
}
