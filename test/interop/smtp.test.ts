/** `examples/smtp`, driven by curl, swaks and `openssl s_client`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Tls from "node:tls"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Cast, example, type Program } from "../examples/support.ts"
import { describeWith } from "./support/needs.ts"
import { run } from "./support/run.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-sluice-smtp-"))
const file = (name: string): string => join(folder, name)

describeWith("SMTP", { commands: { openssl: "openssl", curl: "curl", swaks: "swaks" } }, () => {
  const cast = new Cast()
  let server: Program
  let port = 0

  beforeAll(async () => {
    server = cast.add(example("smtp/server.ts", [], { CERTIFICATES: folder }))
    port = await server.port("smtp")
  })
  afterAll(async () => {
    await cast.leave()
    rmSync(folder, { recursive: true })
  })

  const curl = (name: string, body: string, ...args: ReadonlyArray<string>) => {
    writeFileSync(file(name), body)
    const mail = [
      "--mail-from",
      `${name}@example.org`,
      "--mail-rcpt",
      "b@example.org",
      "--upload-file",
      file(name)
    ]
    return run("curl", ["-sS", "--noproxy", "*", `smtp://localhost:${port}`, ...mail, ...args])
  }

  it("takes curl's mail over TLS, with its dots", async () => {
    const body = "Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\nlast"
    const { code, log } = await curl("dots", body, "--ssl-reqd", "--cacert", file("ca.pem"))
    expect([code, log]).toEqual([0, ""])
    await server.says(
      "mail from <dots@example.org> to <b@example.org> (TLSv1.3)\n| Subject: dots\n| \n| .one\n| ..two\n| .\n| last\n"
    )
  })

  it("takes it in plain text, where curl does not insist", async () => {
    const { code } = await curl("plain", "Subject: plain\r\n\r\nhello\r\n")
    expect(code).toBe(0)
    await server.says("mail from <plain@example.org> to <b@example.org> (plain text)")
  })

  it("shows a certificate that curl does not trust by itself", async () => {
    const { code, log } = await curl("untrusted", "hello\r\n", "--ssl-reqd")
    expect(code).toBe(60)
    expect(log).toContain("certificate")
  })

  it("refuses mail that is too long, by its size and by what comes", async () => {
    const long = `${"x".repeat(78)}\r\n`.repeat(15_000)
    const { code } = await curl("long", long, "--ssl-reqd", "--cacert", file("ca.pem"))
    expect(code).not.toBe(0)
  })

  it("takes swaks's mail over TLS, with several recipients", async () => {
    const to = "x@example.org,y@example.org"
    const args = ["--server", `localhost:${port}`, "--from", "swaks@example.org", "--to", to]
    const { code, out } = await run("swaks", [
      ...args,
      "--tls",
      "--body",
      ".dot first\n",
      "--header",
      "Subject: swaks"
    ])
    expect(out).toContain("TLS started with cipher TLSv1.3")
    expect(code).toBe(0)
    await server.says("mail from <swaks@example.org> to <x@example.org>, <y@example.org> (TLSv1.3)")
    await server.says("| .dot first\n")
  })

  it("goes through STARTTLS with openssl, which says the rest by hand", async () => {
    const { out } = await run(
      "openssl",
      ["s_client", "-starttls", "smtp", "-connect", `localhost:${port}`, "-CAfile", file("ca.pem"), "-crlf"],
      {
        replies: [
          ["Verify return code: 0 (ok)", "STARTTLS\n"],
          ["503 TLS is on already", "MAIL FROM:<early@example.org>\n"],
          ["503 EHLO first", "EHLO there\nMAIL FROM:<hand@example.org>\nRSET\nRCPT TO:<b@example.org>\n"],
          ["503 MAIL first", "NOOP\nMAIL FROM:<hand@example.org>\nRCPT TO:<b@example.org>\nDATA\n"],
          ["354 ", "Subject: by hand\n\nhello\n..\n.\nQUIT\n"]
        ],
        until: "221 bye"
      }
    )
    expect(out).not.toContain("250-STARTTLS")
    await server.says(
      "mail from <hand@example.org> to <b@example.org> (TLSv1.3)\n| Subject: by hand\n| \n| hello\n| .\n"
    )
  })

  it("discards what somebody has put behind STARTTLS", async () => {
    const heard = await new Promise<string>((resolve, reject) => {
      const raw = Net.connect(port, "127.0.0.1")
      raw.on("error", reject)
      const injected =
        "STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.org>\r\n"
      raw.once("data", () => raw.write(injected))
      let plain = ""
      const onPlain = (chunk: Buffer) => {
        plain += chunk.toString()
        if (!plain.includes("220 go ahead")) return
        raw.off("data", onPlain)
        const secure = Tls.connect({ socket: raw, rejectUnauthorized: false }, () =>
          secure.write("DATA\r\nEHLO me\r\nDATA\r\nQUIT\r\n")
        )
        let said = ""
        secure.on("error", reject)
        secure.on("data", (more: Buffer) => {
          said += more.toString()
        })
        secure.on("end", () => {
          secure.end()
          resolve(plain.slice(plain.indexOf("220 go ahead")) + said)
        })
      }
      raw.on("data", onPlain)
    })
    // Nothing that was injected has been answered, in plain text or under TLS.
    expect(heard).toMatch(
      /^220 go ahead\r\n503 RCPT first\r\n250-sluice\r\n[\s\S]*503 RCPT first\r\n221 bye\r\n$/
    )
    await server.says("bytes behind STARTTLS were discarded")
    expect(server.output).not.toContain("evil")
  })

  it("says of TLS without STARTTLS what it looks like, and closes", async () => {
    const { code } = await run("openssl", ["s_client", "-connect", `localhost:${port}`])
    expect(code).not.toBe(0)
    await server.says("this looks like TLS, and only plain text is spoken here")
  })
})
