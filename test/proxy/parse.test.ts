/** L-P7, L-P8, L-P9: headers of the PROXY protocol as bytes, by other projects' cases and by the specification. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { parseIp } from "../../src/internal/cidr.ts"
import { crc32c } from "../../src/internal/framing/crc32c.ts"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import { formatAddress, type ProxyHeader, type ProxyValues } from "../../src/Transport.ts"

interface Fact {
  readonly id: string
  readonly decoder: string
  readonly chunks: ReadonlyArray<string>
  readonly expect: ReadonlyArray<{ readonly frame: string } | { readonly error: string }>
  readonly info: {
    readonly version: 1 | 2
    readonly command: "PROXY" | "LOCAL"
    readonly source?: string
    readonly destination?: string
  }
}

const all: ReadonlyArray<Fact> = JSON.parse(
  readFileSync(new URL("../fixtures/framing-cases.json", import.meta.url), "utf8")
)

const facts = all.filter(({ decoder }) => decoder === "proxy-protocol")

const latin = (text: string): Buffer => Buffer.from(text, "latin1")

const signature = latin("\r\n\r\n\0\r\nQUIT\n")

/** A header of version 2 around its addresses and values. */
const binary = (command: number, kind: number, ...rest: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(rest)
  return Buffer.concat([signature, Buffer.of(command, kind, body.length >> 8, body.length & 255), body])
}

const entry = (type: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(type, value.length >> 8, value.length & 255), value])

const ends4 = Buffer.of(192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb)

const headerOf = (bytes: Uint8Array, options?: { maxLength: number }): ProxyHeader => {
  const parsed = ProxyProtocol.parse(bytes, options)
  assert(parsed._tag === "Header", `${parsed._tag === "Invalid" ? parsed.error.message : parsed._tag}`)
  assert.strictEqual(parsed.length, bytes.length)
  return parsed.header
}

const refusal = (bytes: Uint8Array, options?: { maxLength: number }): string => {
  const parsed = ProxyProtocol.parse(bytes, options)
  assert(parsed._tag === "Invalid", parsed._tag)
  return parsed.error.message
}

const endsOf = (bytes: Uint8Array): string => {
  const { destination, source } = headerOf(bytes)
  return `${formatAddress(source)} ${formatAddress(destination)}`
}

const encoded = (options: ProxyProtocol.SendProxyOptions): Uint8Array =>
  Result.getOrThrow(ProxyProtocol.encode(options))

describe("cases of other projects", () => {
  it("are there", () => assert.isAbove(facts.length, 2))

  it.each(facts)("$id, cut anywhere", ({ chunks, expect, info }) => {
    const bytes = Buffer.from(chunks.join(""), "hex")
    const parsed = ProxyProtocol.parse(bytes)
    const [expected] = expect
    if (expected === undefined || "error" in expected) {
      assert.strictEqual(parsed._tag, "Invalid")
      return
    }
    assert(parsed._tag === "Header")
    assert.strictEqual(bytes.subarray(parsed.length).toString("hex"), expected.frame)
    assert.strictEqual(parsed.header.version, info.version)
    assert.strictEqual(parsed.header.command, info.command)
    assert.strictEqual(formatAddress(parsed.header.source), info.source ?? "unknown")
    assert.strictEqual(formatAddress(parsed.header.destination), info.destination ?? "unknown")
    for (let length = 0; length < parsed.length; length++) {
      assert.strictEqual(ProxyProtocol.parse(bytes.subarray(0, length))._tag, "Incomplete", `at ${length}`)
    }
  })
})

describe("a line", () => {
  it("names a client of IPv4 and of IPv6, in their usual form", () => {
    assert.strictEqual(
      endsOf(latin("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n")),
      "255.255.255.255:65535 0.0.0.0:0"
    )
    assert.strictEqual(
      endsOf(latin("PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 1 2\r\n")),
      "[2001:db8::1]:1 [::1]:2"
    )
    assert.strictEqual(endsOf(latin("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n")), "192.0.2.1:1 [::1]:2")
  })

  it("may name nobody, with or without something behind it", () => {
    assert.strictEqual(endsOf(latin("PROXY UNKNOWN\r\n")), "unknown unknown")
    assert.strictEqual(
      endsOf(latin("PROXY UNKNOWN ffff::ffff ffff::ffff 65535 65535\r\n")),
      "unknown unknown"
    )
  })

  it("has at most 107 bytes", () => {
    const longest = `PROXY UNKNOWN ${"x".repeat(107 - 16)}\r\n`
    assert.strictEqual(longest.length, 107)
    assert.strictEqual(headerOf(latin(longest)).transport, "unknown")
    assert.include(refusal(latin(`PROXY UNKNOWN ${"x".repeat(107 - 15)}\r\n`)), "longer than 107 bytes")
    assert.include(refusal(latin(`PROXY UNKNOWN ${"x".repeat(107 - 14)}`)), "longer than 107 bytes")
  })

  it.each([
    ["PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", "without a carriage return"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX", "without a line feed"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "3 values"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "5 values"],
    ["PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", "5 values"],
    ["PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n", "192.0.2.256"],
    ["PROXY TCP4 ::1 ::1 1 2\r\n", "TCP4"],
    ["PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n", "TCP6"],
    ["PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "fe80::1%eth0"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", "65536"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "01"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", "-1"],
    ["PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "UDP4"],
    ["PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", "tcp4"],
    ["PROXYTCP4 192.0.2.1 192.0.2.2 1 2\r\n", "the first bytes are none"],
    ["proxy TCP4", "the first bytes are none"],
    ["GET / HTTP/1.1\r\n", "the first bytes are none"],
    ["\x16\x03\x01", "the first bytes are none"]
  ])("%j is refused", (line, why) => assert.include(refusal(latin(line)), why))
})

describe("version 2", () => {
  it("names clients of every family", () => {
    assert.strictEqual(endsOf(binary(0x21, 0x11, ends4)), "192.0.2.1:56324 198.51.100.7:443")
    assert.strictEqual(headerOf(binary(0x21, 0x12, ends4)).transport, "datagram")
    const ends6 = Buffer.concat([
      Buffer.from("20010db8000000000000000000000001", "hex"),
      Buffer.from("00000000000000000000ffffc0000202", "hex"),
      Buffer.of(0, 1, 0, 2)
    ])
    assert.strictEqual(endsOf(binary(0x21, 0x21, ends6)), "[2001:db8::1]:1 192.0.2.2:2")
    const unix = Buffer.alloc(216)
    unix.write("/run/a.sock", 0)
    assert.strictEqual(endsOf(binary(0x21, 0x31, unix)), "unix:/run/a.sock unknown")
    unix.fill("p", 0, 108)
    assert.strictEqual(endsOf(binary(0x21, 0x31, unix)), `unix:${"p".repeat(108)} unknown`)
  })

  it("passes over addresses that it does not know, and over all that a LOCAL says", () => {
    for (const kind of [0x00, 0x01, 0x10, 0x20, 0x30]) {
      const header = headerOf(binary(0x21, kind, Buffer.alloc(216)))
      assert.strictEqual(header.source._tag, "Unknown")
    }
    const local = headerOf(binary(0x20, 0x11, ends4, Buffer.of(0xff, 0xff)))
    assert.deepStrictEqual(local, {
      version: 2,
      command: "LOCAL",
      transport: "unknown",
      source: { _tag: "Unknown" },
      destination: { _tag: "Unknown" },
      values: {}
    })
  })

  it("carries values", () => {
    const ssl = Buffer.concat([
      Buffer.of(0x07, 0, 0, 0, 0),
      entry(0x21, latin("TLSv1.3")),
      entry(0x22, Buffer.from("Jürgen")),
      entry(0x23, latin("TLS_AES_256_GCM_SHA384")),
      entry(0x24, latin("RSA-SHA256")),
      entry(0x25, latin("RSA2048")),
      entry(0x29, latin("later"))
    ])
    const bytes = binary(
      0x21,
      0x11,
      ends4,
      entry(0x01, latin("h2")),
      entry(0x02, Buffer.from("bücher.example")),
      entry(0x04, Buffer.alloc(9)),
      entry(0x05, Buffer.of(1, 2, 3)),
      entry(0x20, ssl),
      entry(0x04, Buffer.alloc(0)),
      entry(0x30, latin("blue")),
      entry(0xe0, latin("own")),
      entry(0xe0, latin("own too"))
    )
    const { values } = headerOf(bytes)
    assert.deepStrictEqual(values, {
      alpn: "h2",
      authority: "bücher.example",
      uniqueId: Buffer.of(1, 2, 3),
      namespace: "blue",
      ssl: {
        secure: true,
        certificate: "connection",
        verified: true,
        version: "TLSv1.3",
        commonName: "Jürgen",
        cipher: "TLS_AES_256_GCM_SHA384",
        signatureAlgorithm: "RSA-SHA256",
        keyAlgorithm: "RSA2048"
      },
      others: [
        { type: 0xe0, value: latin("own") },
        { type: 0xe0, value: latin("own too") }
      ]
    } satisfies ProxyValues)
  })

  it("takes nobody for verified who showed no certificate", () => {
    const told = (client: number, verify: number) =>
      headerOf(binary(0x21, 0x11, ends4, entry(0x20, Buffer.of(client, 0, 0, 0, verify)))).values.ssl
    assert.deepStrictEqual(told(0x01, 0), { secure: true, certificate: "none", verified: false })
    assert.deepStrictEqual(told(0x03, 1), { secure: true, certificate: "connection", verified: false })
    assert.deepStrictEqual(told(0x05, 0), { secure: true, certificate: "session", verified: true })
  })

  it("is held to its own checksum", () => {
    const bytes = binary(0x21, 0x11, ends4, entry(0x03, Buffer.alloc(4)), entry(0x02, latin("a")))
    const at = 16 + ends4.length + 3
    bytes.writeUInt32BE(crc32c(bytes), at)
    assert.strictEqual(headerOf(bytes).values.authority, "a")
    for (const place of [17, at, bytes.length - 1]) {
      const damaged = Buffer.from(bytes)
      damaged[place]! ^= 1
      assert.include(refusal(damaged), "checksum")
    }
  })

  it("has a longest length, of which exactly so much is allowed", () => {
    const bytes = binary(0x21, 0x11, ends4, entry(0xe0, Buffer.alloc(69)))
    assert.strictEqual(bytes.length, 100)
    headerOf(bytes, { maxLength: 100 })
    assert.include(refusal(bytes, { maxLength: 99 }), "more than the maximum of 99")
    assert.include(refusal(bytes.subarray(0, 16), { maxLength: 99 }), "more than the maximum of 99")
  })

  it.each([
    ["another version", binary(0x11, 0x11, ends4), "version 1"],
    ["an unknown command", binary(0x22, 0x11, ends4), "command 2"],
    ["an unknown family", binary(0x21, 0x41, ends4), "family 4"],
    ["an unknown transport", binary(0x21, 0x13, ends4), "transport 3"],
    ["addresses that do not fit", binary(0x21, 0x11, ends4.subarray(1)), "hold no addresses"],
    ["IPv6 addresses that do not fit", binary(0x21, 0x21, ends4), "hold no addresses"],
    ["a value cut short", binary(0x21, 0x11, ends4, Buffer.of(0x01, 0, 2, 0x68)), "cut short"],
    ["half a value", binary(0x21, 0x11, ends4, Buffer.of(0x01, 0)), "cut short"],
    ["TLS without its flags", binary(0x21, 0x11, ends4, entry(0x20, Buffer.of(1, 0))), "cut short"],
    [
      "a value of TLS cut short",
      binary(0x21, 0x11, ends4, entry(0x20, Buffer.of(1, 0, 0, 0, 0, 0x22, 0, 9))),
      "cut short"
    ],
    ["a short checksum", binary(0x21, 0x11, ends4, entry(0x03, Buffer.alloc(3))), "4 bytes"],
    ["a long unique id", binary(0x21, 0x11, ends4, entry(0x05, Buffer.alloc(129))), "128"],
    ["text that is none", binary(0x21, 0x11, ends4, entry(0x02, Buffer.of(0xff))), "not UTF-8"],
    ["two authorities", binary(0x21, 0x11, ends4, entry(0x02, latin("a")), entry(0x02, latin("b"))), "twice"]
  ])("with %s is refused", (_, bytes, why) => assert.include(refusal(bytes), why))
})

describe("what is written", () => {
  const integer = (maximum: number) =>
    Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))
  const groups = (maximum: number, length: number) =>
    Arbitrary.array(integer(maximum), { minLength: length, maxLength: length })
  const text = Arbitrary.schema(Schema.optional(Schema.String))
  const flag = Arbitrary.schema(Schema.Boolean)

  it.prop(
    "is read again",
    [flag, flag, groups(255, 8), groups(0xffff, 16), integer(65_535), text, text, flag],
    ([first, six, bytes, words, port, authority, commonName, checksum]) => {
      const host = (index: number) =>
        six
          ? words
              .slice(8 * index, 8 * index + 8)
              // Runs of zeros, as addresses have them.
              .map((word) => (word % 3 === 0 ? 0 : word).toString(16))
              .join(":")
          : bytes.slice(4 * index, 4 * index + 4).join(".")
      const version = first ? 1 : 2
      const source = { _tag: "Tcp", host: host(0), port } as const
      const destination = { _tag: "Tcp", host: host(1), port: 65_535 - port } as const
      const ssl = { secure: true, certificate: "session", verified: true, commonName } as const
      const header = headerOf(encoded({ version, source, destination, values: { authority, ssl }, checksum }))
      const again = { ...header, checksum }
      const { transport: _, ...options } = again
      assert.deepStrictEqual(headerOf(encoded(options)), header)
      assert(header.source._tag === "Tcp" && header.destination._tag === "Tcp")
      assert.strictEqual(header.source.port, port)
      assert.strictEqual(parseIp(header.source.host), parseIp(source.host))
      assert.strictEqual(parseIp(header.destination.host), parseIp(destination.host))
      if (version === 2) {
        const asSent = (text: string | undefined) => text && Buffer.from(text).toString()
        assert.strictEqual(header.values.authority, asSent(authority))
        assert.strictEqual(header.values.ssl?.commonName, asSent(commonName))
      }
    },
    { arbitrary: { runs: 400 } }
  )

  it("names ends of datagrams by version 2", () => {
    const end = { _tag: "Udp", host: "192.0.2.1", port: 53 } as const
    const header = headerOf(encoded({ source: end, destination: end }))
    assert.deepStrictEqual([header.source, header.transport], [end, "datagram"])
    assert.strictEqual(
      Buffer.from(encoded({ version: 1, source: end, destination: end })).toString(),
      "PROXY UNKNOWN\r\n"
    )
  })

  it("names nobody where there is nobody to name", () => {
    assert.strictEqual(Buffer.from(encoded({ version: 1 })).toString(), "PROXY UNKNOWN\r\n")
    assert.strictEqual(headerOf(encoded({})).source._tag, "Unknown")
    assert.strictEqual(headerOf(encoded({ command: "LOCAL" })).command, "LOCAL")
    const unix = encoded({ source: { _tag: "Unix", path: "/run/a" }, destination: { _tag: "Unknown" } })
    assert.strictEqual(endsOf(unix), "unix:/run/a unknown")
  })

  it("fails where a value does not fit", () => {
    const failed = ProxyProtocol.encode({ values: { uniqueId: new Uint8Array(129) } })
    assert(Result.isFailure(failed))
    assert.include(failed.failure.message, "values.uniqueId: must have at most 128 bytes")
    const long = ProxyProtocol.encode({ values: { authority: "a".repeat(70_000) } })
    assert(Result.isFailure(long))
    const odd = ProxyProtocol.encode({ version: 3 as 2 })
    assert(Result.isFailure(odd))
    assert.include(odd.failure.message, "version: must be 1 or 2")
  })
})
