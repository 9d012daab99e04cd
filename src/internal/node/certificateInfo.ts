/** What is known of certificates that were loaded. */
import { createHash, X509Certificate } from "node:crypto"
import type * as Tls from "node:tls"
import type { CertificateInfo } from "../../Tls.ts"
import { parseNames } from "./subjectAltNames.ts"
import type { TlsServerSettings } from "./tlsOptions.ts"

/** In a few words. */
export const describeCertificate = ({ names, subject, validTo }: CertificateInfo): string =>
  `${names.length === 0 ? subject : names.join(", ")} until ${validTo.toISOString()}`

/** The names of a certificate, and who it says it is. */
export const infoOf = (
  { cert }: Tls.SecureContextOptions,
  names: ReadonlyArray<string> | undefined
): CertificateInfo => {
  // The loading has had it parsed, and it is text.
  const certificate = new X509Certificate(String(cert))
  const { dns } = parseNames(certificate.subjectAltName)
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1]
  return {
    names: names ?? (certificate.subjectAltName === undefined && common !== undefined ? [common] : dns),
    subject: certificate.subject.replaceAll("\n", ", "),
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
    fingerprint256: certificate.fingerprint256
  }
}

/** Whose certificates are valid, in a few characters. */
export const trustOf = (
  { clientCertificate }: TlsServerSettings,
  ca: Tls.SecureContextOptions["ca"]
): string => {
  if (clientCertificate === "none") return ""
  const hash = createHash("sha256").update(clientCertificate)
  for (const authority of [ca ?? []].flat()) hash.update(authority)
  return hash.digest("hex")
}
