/** `examples/tls`, driven by `openssl s_client`, curl and nc. */
import { execFile, execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Cast, example, type Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"
import { run } from "./support/run.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-sluice-tls-"))
const file = (name: string): string => join(folder, name)

/** One run of `openssl s_client`, which says `input` and leaves when the output holds `until`. */
const client = (port: number, args: ReadonlyArray<string>, input = "", until?: string) =>
  run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", file("ca.pem"), ...args], {
    input,
    until
  })

const fingerprint = (pem: string): string =>
  execFileSync("openssl", ["x509", "-noout", "-fingerprint", "-sha256"], { input: pem }).toString()

const certificateOf = (output: string): string =>
  /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(output)?.[0] ?? ""

describeWith(
  "openssl s_client",
  { commands: { openssl: "openssl", nc: "netcat-openbsd", curl: "curl" } },
  () => {
    const cast = new Cast()
    let server: Program
    let port = 0

    beforeAll(async () => {
      server = cast.add(example("tls/server.ts", [], { CERTIFICATES: folder }))
      port = await server.port("tls")
    })
    afterAll(async () => {
      await cast.leave()
      rmSync(folder, { recursive: true })
    })

    it("is welcomed, and echoed", async () => {
      const { out } = await client(port, ["-servername", "localhost"], "hello\n", "\nhello\n")
      expect(out).toContain("welcome, somebody (TLSv1.3, for localhost, ALPN none)")
      expect(out).toContain("Verify return code: 0 (ok)")
    })

    it.each(["chat.example", "a.chat.example"])("is shown another certificate for %s", async (name) => {
      const { out } = await client(port, ["-servername", name, "-verify_hostname", name], "", "welcome")
      expect(out).toContain("subject=CN = chat.example")
      expect(out).toContain("Verify return code: 0 (ok)")
    })

    it("is known by its certificate", async () => {
      const device = ["-cert", file("device.pem"), "-key", file("device.key")]
      expect((await client(port, device, "", "welcome")).out).toContain("welcome, device-7")
      const said = await client(port, [...device, "-alpn", "json/1"], `{"text":"hello"}\n`, "device-7: hello")
      expect(said.out).toContain(`{"text":"device-7: hello"}`)
      const unknown = await client(port, ["-alpn", "json/1"], "", "is missing")
      expect(unknown.out).toContain("the peer's certificate is asked for, and is missing")
    })

    it("agrees on a protocol, or gets the alert of ALPN", async () => {
      const agreed = await client(port, ["-alpn", "none,text/1,json/1"], "", "welcome")
      expect(agreed.out).toContain("ALPN protocol: text/1")
      for (const version of ["-tls1_3", "-tls1_2"]) {
        const refused = await client(port, ["-alpn", "mail", version])
        expect(refused.code).not.toBe(0)
        expect(refused.log).toContain("alert number 120")
      }
    })

    it("comes back by a ticket of TLS 1.3", async () => {
      await client(port, ["-sess_out", file("session.pem")], "hello\n", "\nhello\n")
      expect(existsSync(file("session.pem"))).toBe(true)
      const { out } = await client(port, ["-sess_in", file("session.pem")], "", "welcome")
      expect(out).toContain("Reused, TLSv1.3")
      expect(out).toContain("(TLSv1.3, resumed,")
    })

    it.each([
      ["a ticket", []],
      ["a session id", ["-no_ticket"]]
    ])("comes back five times by %s of TLS 1.2", async (_, more) => {
      const { out } = await client(port, ["-tls1_2", "-reconnect", ...more])
      expect(out.match(/^New, /gm)).toHaveLength(1)
      expect(out.match(/^Reused, TLSv1\.2/gm)).toHaveLength(5)
    })

    it("is refused with an older TLS", async () => {
      const { log } = await client(port, ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
      expect(log).toMatch(/alert protocol version|alert number 70/)
    })

    it("shares the port with nc and curl in plain text", async () => {
      const spoken = await run("nc", ["-N", "127.0.0.1", String(port)], { input: "hello\n" })
      expect(spoken.out).toBe("welcome, somebody (plain text)\nhello\n")
      // Who says nothing is greeted after a while.
      const silent = await run("nc", ["-N", "127.0.0.1", String(port)], { until: "plain text" })
      expect(silent.out).toBe("welcome, somebody (plain text)\n")
    })

    it("goes on while the certificate is exchanged, and the next one sees the new one", async () => {
      const before = certificateOf((await client(port, [], "", "welcome")).out)
      const open = run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-quiet"], {
        replies: [["welcome", "before\n"]],
        until: "after"
      })
      // A half-finished one first, which is left alone.
      writeFileSync(file("server.pem"), "half a certif")
      await server.says("the TLS certificates stay as they are")
      expect(fingerprint(certificateOf((await client(port, [], "", "welcome")).out))).toBe(
        fingerprint(before)
      )
      await new Promise<void>((resolve, reject) =>
        execFile(
          process.execPath,
          [tsx, "examples/tls/certificates.ts"],
          { cwd: root, env: { ...process.env, CERTIFICATES: folder } },
          (error) => (error === null ? resolve() : reject(error))
        )
      )
      await server.says("TLS certificates reloaded")
      const after = certificateOf((await client(port, [], "", "welcome")).out)
      expect(fingerprint(after)).not.toBe(fingerprint(before))
      expect(server.output).not.toContain("PRIVATE KEY")
      void open
    })
  }
)

const root = fileURLToPath(new URL("../..", import.meta.url))

const tsx = join(dirname(createRequire(import.meta.url).resolve("tsx/package.json")), "dist/cli.mjs")
