/** L-P5: which certificate a client is shown. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parseNames } from "../../src/internal/node/subjectAltNames.ts"
import * as Tls from "../../src/Tls.ts"
import { serve } from "../proxy/support.ts"
import { eventually } from "../support/pair.ts"
import { certificates, removeCertificates } from "../transport/certificates.ts"
import { problemsOf } from "../transport/nodeSupport.ts"
import { identity } from "../transport/tlsSupport.ts"
import { fingerprintOf, secure, shake } from "./support.ts"

afterAll(removeCertificates)

const several = () => {
  const { issue } = certificates()
  return {
    exact: issue("exact", "/CN=chat.example.test", "DNS:chat.example.test"),
    wild: issue("wild", "/CN=*.example.test", "DNS:*.example.test,DNS:example.test"),
    common: issue("common", "/CN=only.common.test")
  }
}

describe("names", () => {
  it.live("L-P5: a whole name goes before a wildcard, and nobody's name gets the first certificate", () =>
    Effect.gen(function* () {
      const { common, exact, wild } = several()
      const { port } = yield* serve(
        secure({
          ...identity(),
          // The wildcard first: it is not their order that counts.
          certificates: [wild, exact, common].map(({ certificateFile, keyFile }) => ({
            certificateFile,
            keyFile
          }))
        })
      )
      const fallback = certificates().server
      const expected = [
        ["chat.example.test", exact],
        ["CHAT.Example.test", exact],
        ["mail.example.test", wild],
        ["example.test", wild],
        ["a.b.example.test", fallback],
        ["only.common.test", common],
        ["localhost", fallback],
        ["elsewhere.test", fallback],
        ["", fallback]
      ] as const
      for (const [servername, { certificate }] of expected) {
        const { shown } = yield* shake(port, { servername })
        assert.strictEqual(shown, fingerprintOf(certificate), servername)
      }
    })
  )

  it.live("are those that are given, where some are", () =>
    Effect.gen(function* () {
      const { certificate, certificateFile, keyFile } = several().exact
      const { port, seen } = yield* serve(
        secure({
          ...identity(),
          certificates: [{ certificateFile, keyFile, names: ["*.Other.test", "x.y."] }]
        })
      )
      const shownTo = (servername: string) => Effect.map(shake(port, { servername }), ({ shown }) => shown)
      assert.strictEqual(yield* shownTo("a.other.test"), fingerprintOf(certificate))
      assert.strictEqual(yield* shownTo("x.y"), fingerprintOf(certificate))
      assert.strictEqual(
        yield* shownTo("chat.example.test"),
        fingerprintOf(certificates().server.certificate)
      )
      yield* eventually(() => seen.length === 3, "the connections")
      assert.deepStrictEqual(
        seen.map(({ tls }) => tls?.serverName),
        ["a.other.test", "x.y", "chat.example.test"]
      )
    })
  )

  it.live("that are unknown are refused with their alert, where that is asked for", () =>
    Effect.gen(function* () {
      const { exact } = several()
      const { events, port, seen } = yield* serve(
        secure({
          ...identity(),
          unknownName: "refuse",
          certificates: [{ certificateFile: exact.certificateFile, keyFile: exact.keyFile }]
        })
      )
      for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
        const refused = yield* Effect.flip(shake(port, { servername: "elsewhere.test", maxVersion }))
        assert.strictEqual(refused, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME")
      }
      yield* eventually(
        () => events.filter((event) => event._tag === "AcceptFailed").length === 2,
        "the events"
      )
      for (const event of events) {
        if (event._tag !== "AcceptFailed") continue
        assert.strictEqual(event.kind, "Handshake")
        assert.include(event.detail, 'no certificate is for the name "elsewhere.test"')
      }
      // Known names, those of the certificate for everybody too, and no name at all.
      for (const servername of ["chat.example.test", "localhost", ""]) yield* shake(port, { servername })
      yield* eventually(() => seen.length === 3, "the connections")
    })
  )

  it.live("are told, with how long they are good for", () =>
    Effect.gen(function* () {
      const { common, wild } = several()
      const server = yield* Tls.make({
        ...identity(),
        certificates: [wild, common].map(({ certificateFile, keyFile }) => ({ certificateFile, keyFile }))
      })
      const told = yield* server.certificates
      assert.deepStrictEqual(
        told.map(({ names }) => names),
        [["localhost"], ["*.example.test", "example.test"], ["only.common.test"]]
      )
      assert.strictEqual(told[0]?.fingerprint256, fingerprintOf(certificates().server.certificate))
      assert.isAbove(told[0]!.validTo.getTime(), told[0]!.validFrom.getTime())
    })
  )

  it.live("that no certificate can be loaded for fail with where it stands", () =>
    Effect.gen(function* () {
      const { directory, issue } = certificates()
      const { certificateFile } = issue("lonely", "/CN=lonely")
      const missing = yield* Effect.flip(
        Tls.make({ ...identity(), certificates: [{ certificateFile, keyFile: `${directory}/nowhere.key` }] })
      )
      assert(missing._tag === "TransportError")
      assert.strictEqual(missing.kind, "UnreadableFile")
      assert.match(missing.message, /cannot load certificates: .*certificates\[0\]: keyFile .*nowhere\.key/)
      const wrong = yield* Effect.flip(
        Tls.make({ ...identity(), certificates: [{ certificateFile, key: certificates().server.key }] })
      )
      assert(wrong._tag === "TransportError")
      assert.strictEqual(wrong.kind, "BadCertificate")
    })
  )

  it.effect("are checked, all at once", () =>
    Effect.gen(function* () {
      const problems = yield* problemsOf(
        secure({
          ...identity(),
          certificates: [{ certificate: "x", names: ["ok.test", "*", "a b", "127.0.0.1"] }, {}],
          unknownName: "guess" as "refuse",
          sessions: { lifetime: "1 second", remembered: -1 }
        })
      )
      assert.deepStrictEqual(
        new Set(problems.map(({ path }) => path)),
        new Set([
          "tls.certificates[0].names[1]",
          "tls.certificates[0].names[2]",
          "tls.certificates[0].names[3]",
          "tls.certificates[1].certificate",
          "tls.certificates[1].key",
          "tls.unknownName",
          "tls.sessions.lifetime",
          "tls.sessions.remembered"
        ])
      )
    })
  )
})

describe("subject alternative names", () => {
  it("are told apart by kind", () =>
    assert.deepStrictEqual(
      parseNames(
        "DNS:a.test, IP Address:127.0.0.1, URI:spiffe://a/b, email:x@y.z, othername:<unsupported>, DNS:b"
      ),
      { dns: ["a.test", "b"], ip: ["127.0.0.1"], uri: ["spiffe://a/b"], email: ["x@y.z"] }
    ))

  it("cannot be smuggled in by another name", () => {
    const none = { dns: [], ip: [], uri: [], email: [] }
    assert.deepStrictEqual(parseNames('DNS:"a.test, DNS:bank.test", URI:"x\\"y"'), {
      ...none,
      dns: ["a.test, DNS:bank.test"],
      uri: ['x"y']
    })
    for (const text of ['DNS:"open', 'DNS:a"b", DNS:c', "nothing", "DNS:a,DNS:b", 'DNS:"\\x"']) {
      assert.deepStrictEqual(parseNames(text), none, text)
    }
    assert.deepStrictEqual(parseNames(undefined), none)
  })
})
