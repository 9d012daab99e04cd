/**
 * Certificates to try things with, made by the `openssl` command: an authority, a server's for `localhost`, one for
 * `chat.example`, and a device's for clients. In `CERTIFICATES`, or in a new directory that is gone with the process.
 */
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Config, Effect } from "effect"

const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

const openssl = (directory: string, ...args: ReadonlyArray<string>): void => {
  execFileSync("openssl", args, { cwd: directory, stdio: "pipe" })
}

const makeAuthority = (directory: string): void =>
  openssl(
    directory,
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "30",
    "-subj",
    "/CN=Example CA"
  )

/** A certificate and its key as `NAME.pem` and `NAME.key`. Run again, it makes a new one. */
const issue = (directory: string, name: string, subject: string, names: string): void => {
  const temporary = `${name}.${process.pid}`
  openssl(
    directory,
    "req",
    ...key,
    "-keyout",
    `${temporary}.key`,
    "-out",
    `${temporary}.csr`,
    "-subj",
    subject
  )
  Fs.writeFileSync(Path.join(directory, `${temporary}.ext`), `subjectAltName=${names}\n`)
  const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${temporary}.ext`]
  openssl(
    directory,
    "x509",
    "-req",
    "-in",
    `${temporary}.csr`,
    ...by,
    "-days",
    "30",
    "-out",
    `${temporary}.pem`
  )
  for (const end of ["csr", "ext"]) Fs.rmSync(Path.join(directory, `${temporary}.${end}`))
  for (const end of ["key", "pem"]) {
    Fs.renameSync(Path.join(directory, `${temporary}.${end}`), Path.join(directory, `${name}.${end}`))
  }
}

const make = (directory: string): void => {
  Fs.mkdirSync(directory, { recursive: true })
  if (!Fs.existsSync(Path.join(directory, "ca.pem"))) makeAuthority(directory)
  issue(directory, "server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
  issue(directory, "chat", "/CN=chat.example", "DNS:chat.example,DNS:*.chat.example")
  issue(directory, "device", "/CN=device-7", "URI:spiffe://example/device/7")
}

/** The directory where they are. */
export const certificates = Effect.gen(function* () {
  const wanted = yield* Config.String("CERTIFICATES").pipe(Config.withDefault(""))
  const directory = wanted === "" ? Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-example-")) : wanted
  if (wanted === "") {
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
    )
  }
  if (!Fs.existsSync(Path.join(directory, "device.pem"))) make(directory)
  yield* Effect.log(`certificates are in ${directory}`)
  return (name: string) => Path.join(directory, name)
})

// By itself it makes them anew, for a server that runs: `CERTIFICATES=/tmp/c npx tsx examples/tls/certificates.ts`.
if (process.argv[1]?.endsWith("certificates.ts") === true) make(process.env.CERTIFICATES ?? "certificates")
