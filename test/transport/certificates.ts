/**
 * Certificates made by the `openssl` command, once per test file, in a directory of their own.
 */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

export interface Issued {
  readonly certificate: string
  readonly certificateFile: string
  readonly key: string
  readonly keyFile: string
}

export interface Certificates {
  readonly directory: string
  readonly authority: Issued
  /** For `localhost` and 127.0.0.1. */
  readonly server: Issued
  readonly client: Issued
  /** Signed by nobody but itself. */
  readonly stranger: Issued
  /** Another one by the same authority: a name for its files, its subject, and its other names as OpenSSL has them. */
  readonly issue: (name: string, subject: string, names?: string) => Issued
  /** The server's key, encrypted with `passphrase`. */
  readonly encryptedKeyFile: string
  readonly passphrase: string
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

const make = (): Certificates => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-certificates-"))
  const file = (name: string): string => Path.join(directory, name)
  const openssl = (...args: ReadonlyArray<string>): void => {
    execFileSync("openssl", args, { cwd: directory, stdio: "pipe" })
  }
  const issued = (name: string): Issued => ({
    certificate: Fs.readFileSync(file(`${name}.pem`), "utf8"),
    certificateFile: file(`${name}.pem`),
    key: Fs.readFileSync(file(`${name}.key`), "utf8"),
    keyFile: file(`${name}.key`)
  })
  const selfSigned = (name: string, subject: string, ...extensions: ReadonlyArray<string>): Issued => {
    const added = extensions.flatMap((extension) => ["-addext", extension])
    const output = ["-keyout", `${name}.key`, "-out", `${name}.pem`]
    openssl("req", "-x509", ...curve, ...output, "-days", "2", "-subj", subject, ...added)
    return issued(name)
  }
  const signed = (name: string, subject: string, extension: string): Issued => {
    openssl("req", ...curve, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject)
    Fs.writeFileSync(file(`${name}.ext`), extension)
    const by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial"]
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...by,
      "-days",
      "2",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`
    )
    return issued(name)
  }
  const authority = selfSigned("authority", "/CN=Test Authority")
  const server = signed("server", "/CN=localhost/O=Sluice", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
  const client = signed("client", "/CN=device-7", "subjectAltName=DNS:device-7\n")
  const stranger = selfSigned("stranger", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
  const passphrase = "correct horse"
  openssl("ec", "-in", "server.key", "-aes128", "-passout", `pass:${passphrase}`, "-out", "encrypted.key")
  return {
    directory,
    authority,
    server,
    client,
    stranger,
    issue: (name, subject, names) =>
      signed(name, subject, names === undefined ? "" : `subjectAltName=${names}\n`),
    encryptedKeyFile: file("encrypted.key"),
    passphrase
  }
}

let made: Certificates | undefined

/** The certificates of this test file. */
export const certificates = (): Certificates => {
  if (made === undefined) {
    made = make()
    // For files that do not remove them themselves.
    process.once("exit", removeCertificates)
  }
  return made
}

/** Removes them at once; for `afterAll`. */
export const removeCertificates = (): void => {
  if (made !== undefined) {
    Fs.rmSync(made.directory, { recursive: true, force: true })
    made = undefined
  }
}
