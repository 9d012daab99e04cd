/** What TLS agreed on, and whom a certificate is made out to. */

/**
 * What TLS agreed on with the peer of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface TlsDetails {
  /** `TLSv1.3`. */
  readonly protocol: string
  /** The protocol that ALPN chose. */
  readonly applicationProtocol: string | undefined
  /** The name the client asked for (SNI). */
  readonly serverName: string | undefined
  /** Whether the peer showed a certificate that our authorities vouch for, now or when the session began. */
  readonly authorized: boolean
  /** Whether a session was resumed, by a ticket or an id, without a whole handshake. */
  readonly resumed: boolean
  /** The peer's certificate: subject, issuer and fingerprint, where it showed one. */
  readonly peerCertificate: PeerCertificate | undefined
}

/**
 * Whom a certificate is made out to, by kind: the subject alternative names (RFC 5280, section 4.2.1.6).
 *
 * @category models
 * @since 0.1.0
 */
export interface CertificateNames {
  readonly dns: ReadonlyArray<string>
  readonly ip: ReadonlyArray<string>
  /** SPIFFE ids are among these. */
  readonly uri: ReadonlyArray<string>
  readonly email: ReadonlyArray<string>
}

/**
 * The certificate a TLS peer showed.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerCertificate {
  /** Subject as attributes: `{ CN: "device-7", O: "Example" }`. */
  readonly subject: Readonly<Record<string, string>>
  readonly issuer: Readonly<Record<string, string>>
  /** Subject alternative names as OpenSSL prints them: `DNS:device-7, IP Address:127.0.0.1`. */
  readonly subjectAltName: string | undefined
  /** The same by kind; all empty where OpenSSL's text cannot be understood. */
  readonly names: CertificateNames
  /** In hexadecimal digits. */
  readonly serialNumber: string
  readonly validFrom: Date
  readonly validTo: Date
  /** SHA-256 of the certificate, colon separated. */
  readonly fingerprint256: string
}
