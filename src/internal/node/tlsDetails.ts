/**
 * What TLS agreed on, from a Node socket after its handshake.
 */
import type * as Tls from "node:tls"
import type { PeerCertificate, TlsDetails } from "../../Transport.ts"
import { parseNames } from "./subjectAltNames.ts"

/** An attribute that occurs several times comes as a list. */
const attributes = (name: object | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(name ?? {}).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.join(", ") : String(value)
    ])
  )

const peerCertificate = (socket: Tls.TLSSocket): PeerCertificate | undefined => {
  // Despite its type, an empty object where there is none, and null once the socket is gone.
  const shown: Partial<Tls.PeerCertificate> | null = socket.getPeerCertificate()
  return shown?.fingerprint256 === undefined
    ? undefined
    : {
        subject: attributes(shown.subject),
        issuer: attributes(shown.issuer),
        subjectAltName: shown.subjectaltname,
        names: parseNames(shown.subjectaltname),
        serialNumber: shown.serialNumber ?? "",
        validFrom: new Date(shown.valid_from ?? Number.NaN),
        validTo: new Date(shown.valid_to ?? Number.NaN),
        fingerprint256: shown.fingerprint256
      }
}

/** A name from SNI or ALPN, which Node gives as false or null where there is none. */
const nameOr = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** Everything about the agreement. `serverName` is what the client asked for. */
export const tlsDetails = (socket: Tls.TLSSocket, serverName: unknown): TlsDetails => {
  const certificate = peerCertificate(socket)
  return {
    protocol: socket.getProtocol() ?? "unknown",
    applicationProtocol: nameOr(socket.alpnProtocol),
    serverName: nameOr(serverName),
    // Node takes every client for authorized whose session of TLS 1.3 was resumed, those without a certificate too.
    authorized: socket.authorized && certificate !== undefined,
    resumed: socket.isSessionReused(),
    peerCertificate: certificate
  }
}
