/** Servers on TLS, and clients of `node:tls` that say what they were shown. */
import { X509Certificate } from "node:crypto"
import * as NodeTls from "node:tls"
import { Effect } from "effect"
import type { TlsServer, TlsServerOptions } from "../../src/Tls.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { certificates } from "../transport/certificates.ts"
import { host } from "../transport/nodeSupport.ts"

export const secure = (
  tls: TlsServerOptions | TlsServer["Service"],
  options: Partial<TransportNode.TcpTlsOptions> = {}
) => TransportNode.layerTls({ host, port: 0, ...options, tls })

/** A client after its handshake. */
export interface Shaken {
  readonly socket: NodeTls.TLSSocket
  readonly heard: () => string
  /** The session to come back with; for TLS 1.3 the last one that has come. */
  readonly session: () => Buffer | undefined
  /** The fingerprint of the certificate that it was shown. */
  readonly shown: string
  readonly resumed: boolean
}

/** Connects; fails with what TLS says. The socket goes with the scope. */
export const shake = (port: number, options: NodeTls.ConnectionOptions = {}) =>
  Effect.acquireRelease(
    Effect.callback<Shaken, string>((resume) => {
      const socket = NodeTls.connect({
        host,
        port,
        ca: certificates().authority.certificate,
        servername: "localhost",
        // Names are what the tests are about; who is shown is looked at there.
        checkServerIdentity: () => undefined,
        ...options
      })
      const heard: Array<Buffer> = []
      let session: Buffer | undefined
      socket.on("session", (data) => {
        session = data
      })
      socket.on("data", (chunk: Buffer) => heard.push(chunk))
      socket.on("error", (error) => resume(Effect.fail("code" in error ? `${error.code}` : error.message)))
      socket.on("close", () => resume(Effect.fail("closed")))
      socket.on("secureConnect", () =>
        resume(
          Effect.succeed({
            socket,
            heard: () => Buffer.concat(heard).toString(),
            session: () => session ?? socket.getSession(),
            shown: socket.getPeerCertificate().fingerprint256 ?? "",
            resumed: socket.isSessionReused()
          })
        )
      )
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** The fingerprint of a certificate's file. */
export const fingerprintOf = (certificate: string): string => new X509Certificate(certificate).fingerprint256
