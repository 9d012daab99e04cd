/** The options of admission, CIDR blocks and the table of rates. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isInside, parseBlock, parseIp } from "../../src/internal/cidr.ts"
import { RateTable } from "../../src/internal/rateTable.ts"
import { open } from "./support.ts"

describe("the options of admission", () => {
  it.effect("that cannot be are named with their path", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        open({
          maxConnections: 0,
          maxPerAddress: 1.5,
          rate: { connections: 0, per: "1 second" },
          allow: ["10.0.0.0/8", "10.0.0.0/33"],
          deny: ["example.org"],
          overLimit: { wait: 0 }
        })
      )
      const paths = error._tag === "InvalidConfig" ? error.problems.map(({ path }) => path) : []
      for (const path of ["maxConnections", "maxPerAddress", "rate", "allow[1]", "deny[0]", "overLimit"]) {
        assert.isTrue(
          paths.some((found) => found.startsWith(`admission.${path}`)),
          `${path} in ${paths}`
        )
      }
    })
  )
})

describe("CIDR blocks", () => {
  it("are what they say, in IPv4 and IPv6", () => {
    const inside = (ip: string, block: string) => {
      const address = parseIp(ip)
      const parsed = parseBlock(block)
      return address !== undefined && parsed !== undefined && isInside(address, parsed)
    }
    for (const [ip, block, expected] of [
      ["10.255.0.1", "10.0.0.0/8", true],
      ["11.0.0.0", "10.0.0.0/8", false],
      ["10.0.0.1", "10.0.0.1", true],
      ["10.0.0.2", "10.0.0.1/32", false],
      ["1.2.3.4", "0.0.0.0/0", true],
      ["2001:db8::1", "0.0.0.0/0", false],
      ["1.2.3.4", "::/0", true],
      ["1.2.3.4", "::ffff:1.2.3.0/120", true],
      ["::ffff:102:304", "1.2.3.0/24", true],
      ["2001:db8:ffff::", "2001:db8::/32", true],
      ["fe80::1%eth0", "fe80::/10", true],
      ["::1", "::1", true],
      ["::2", "::1/128", false]
    ] as const) {
      assert.strictEqual(inside(ip, block), expected, `${ip} in ${block}`)
    }
  })

  it("are not what is malformed", () => {
    for (const text of [
      ..."|10|10.0.0|10.0.0.256|10.0.0.01|10.0.0.0.0|10.0.0.0/|10.0.0.0/33|10.0.0.0/-1|10.0.0.0/8/8".split(
        "|"
      ),
      ..."1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1::2::3|:::|12345::|g::|::/129|1.2.3.4::|::1.2.3|fe80::1%eth0/64|:1".split(
        "|"
      ),
      "1:2:3:4:5:6:7:8::",
      " 10.0.0.1",
      "localhost"
    ]) {
      assert.isUndefined(parseBlock(text), text)
    }
  })
})

describe("the table of rates", () => {
  it("forgets who has been away, and never holds more than its maximum", () => {
    const table = new RateTable<number>({ perMilli: 1, burst: 2 }, 100)
    for (let key = 0; key < 1000; key++) table.take(key, 0)
    assert.isAtMost(table.size, 100)
    for (let again = 0; again < 100; again++) table.take(7777, 10 + 2 * again)
    assert.strictEqual(table.size, 1)
  })
})
