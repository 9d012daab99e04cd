/** The parts of `examples/redis` that know nothing of connections. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { Deque } from "../../../examples/redis/deque.ts"
import { matches } from "../../../examples/redis/glob.ts"
import { parseInteger } from "../../../examples/redis/numbers.ts"
import { Store } from "../../../examples/redis/store.ts"
import { Random } from "../../../src/testing/random.ts"

describe("Deque", () => {
  it.prop(
    "is what an array is, from both ends",
    { seed: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 }))) },
    ({ seed }) => {
      const random = new Random(seed)
      const deque = new Deque()
      const array: Array<string> = []
      for (let step = 0; step < 200; step++) {
        const value = String(step)
        const kind = random.below(5)
        if (kind < 2) {
          deque.pushBack(value)
          array.push(value)
        } else if (kind === 2) {
          deque.pushFront(value)
          array.unshift(value)
        } else if (array.length > 0) {
          assert.strictEqual(
            kind === 3 ? deque.popFront() : deque.popBack(),
            kind === 3 ? array.shift() : array.pop()
          )
        }
        assert.strictEqual(deque.length, array.length)
      }
      assert.deepStrictEqual(deque.slice(0, deque.length), array)
    },
    { arbitrary: { runs: 50 } }
  )
})

describe("matches", () => {
  it.each([
    ["*", "", true],
    ["", "", true],
    ["", "a", false],
    ["a*b*c", "aXXbYYc", true],
    ["a*b*c", "aXXbYY", false],
    ["**a", "ba", true],
    ["?", "", false],
    ["[abc]", "b", true],
    ["[^abc]", "b", false],
    ["[c-a]x", "bx", true],
    ["[\\]]", "]", true],
    ["[a", "a", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["a\\", "a\\", true]
  ])("%j and %j", (pattern, text, expected) => {
    assert.strictEqual(matches(pattern, text), expected)
  })

  it("takes no longer for patterns that are made to", () => {
    assert.isFalse(matches("a*".repeat(100).concat("b"), "a".repeat(20_000)))
  })
})

describe("parseInteger", () => {
  it.each([
    ["0", 0n],
    ["-1", -1n],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["9223372036854775808", undefined],
    ["", undefined],
    ["-", undefined],
    ["-0", undefined],
    ["01", undefined],
    ["+1", undefined],
    [" 1", undefined],
    ["1.0", undefined]
  ])("%j", (text, expected) => {
    assert.strictEqual(parseInteger(text), expected)
  })
})

describe("Store", () => {
  const filled = (count: number) => {
    const store = new Store()
    const expired: Array<string> = []
    store.onExpired = (key) => expired.push(key)
    for (let i = 0; i < count; i++) {
      store.put(`${i}`, "x")
      store.setDeadline(`${i}`, i % 2 === 0 ? 100 : 1_000_000)
    }
    return { store, expired }
  }

  it("has no key whose time has passed, and tells of it once", () => {
    const { expired, store } = filled(4)
    store.now = 99
    assert.strictEqual(store.get("0"), "x")
    store.now = 100
    assert.isUndefined(store.get("0"))
    assert.isUndefined(store.get("0"))
    assert.deepStrictEqual(expired, ["0"])
    assert.deepStrictEqual(store.keys(), ["1", "3"])
    assert.deepStrictEqual(expired, ["0", "2"])
  })

  it("lets keys go that nobody asks for, a bounded number of looks at a time", () => {
    const { expired, store } = filled(20_000)
    store.now = 100
    store.expireSome()
    assert.strictEqual(expired.length, 2000)
    for (let rounds = 0; rounds < 5; rounds++) store.expireSome()
    assert.strictEqual(store.size, 10_000)
    // Nothing passes any more: a sample, and no more.
    const { changes } = store
    store.expireSome()
    assert.strictEqual(store.changes, changes)
    assert.strictEqual(store.expiring, 10_000)
  })
})
