/**
 * Certificates and keys, from options and files to a context that OpenSSL has accepted.
 */
import { X509Certificate } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TransportError } from "../../SluiceError.ts"
import { errorDetail } from "./nodeError.ts"
import type { TlsMaterial } from "./tlsOptions.ts"

/** Who asks, for the errors. */
export interface MaterialUse {
  readonly operation: "listen" | "connect" | "startTls" | "load"
  readonly target: string
}

const failed = (
  use: MaterialUse,
  kind: "UnreadableFile" | "BadCertificate",
  detail: string,
  cause: unknown
): TransportError =>
  new TransportError({ operation: use.operation, kind, address: use.target, detail, cause })

const readFile = (use: MaterialUse, option: string, path: string): Effect.Effect<string, TransportError> =>
  Effect.tryPromise({
    try: () => Fs.readFile(path, "utf8"),
    catch: (error) => failed(use, "UnreadableFile", `${option} ${path}: ${errorDetail(error)}`, error)
  })

const reveal = (key: string | Redacted.Redacted<string> | undefined): string | undefined =>
  Redacted.isRedacted(key) ? Redacted.value(key) : key

const certificatePattern =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g

/** OpenSSL passes over what it cannot read among authorities; a typing error would go unnoticed. */
const checkCertificates = (option: string, pem: string): void => {
  const blocks = pem.match(certificatePattern)
  if (blocks === null) {
    throw new Error(`${option} holds no PEM certificate`)
  }
  for (const block of blocks) {
    try {
      new X509Certificate(block)
    } catch (error) {
      throw new Error(`${option} holds a certificate that does not parse: ${errorDetail(error)}`)
    }
  }
}

/** Reads what is in files, and has OpenSSL judge the whole: a context for a client, its options for a server. */
export const loadMaterial = Effect.fnUntraced(function* (tls: TlsMaterial, use: MaterialUse) {
  const load = (option: string, text: string | undefined, path: string | undefined) =>
    path === undefined ? Effect.succeed(text) : readFile(use, option, path)
  const certificate = yield* load("certificateFile", tls.certificate, tls.certificateFile)
  const key = yield* load("keyFile", reveal(tls.key), tls.keyFile)
  const authorities =
    tls.caFile === undefined
      ? tls.ca === undefined
        ? undefined
        : [tls.ca].flat()
      : [yield* readFile(use, "caFile", tls.caFile)]
  return yield* Effect.try({
    try: () => {
      if (certificate !== undefined) {
        checkCertificates("certificate", certificate)
      }
      for (const authority of authorities ?? []) {
        checkCertificates("ca", authority)
      }
      const options: Tls.SecureContextOptions = {
        ...(certificate === undefined ? {} : { cert: certificate }),
        ...(key === undefined ? {} : { key }),
        ...(tls.passphrase === undefined ? {} : { passphrase: Redacted.value(tls.passphrase) }),
        ...(authorities === undefined ? {} : { ca: authorities }),
        minVersion: tls.minVersion
      }
      return { options, context: Tls.createSecureContext(options) }
    },
    catch: (error) => failed(use, "BadCertificate", errorDetail(error), error)
  })
})
