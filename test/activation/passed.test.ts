import { assert, describe, it } from "@effect/vitest"
import { choose, passedSockets } from "../../src/internal/node/activation.ts"

const env = (LISTEN_FDS?: string, LISTEN_PID: string | undefined = "42", LISTEN_FDNAMES?: string) => ({
  LISTEN_FDS,
  LISTEN_PID,
  LISTEN_FDNAMES
})

describe("the sockets that were passed", () => {
  it("begin at descriptor 3, with their names", () => {
    assert.deepStrictEqual(passedSockets(env("2", "42", "web:"), 42), [
      { fd: 3, name: "web" },
      { fd: 4, name: "unknown" }
    ])
    assert.deepStrictEqual(passedSockets(env("1"), 42), [{ fd: 3, name: "unknown" }])
  })

  it("are none where the environment says nothing, or of another process", () => {
    assert.include(passedSockets({}, 42), "are not set")
    assert.include(passedSockets(env(undefined), 42), "are not set")
    assert.strictEqual(
      passedSockets(env("1", "41"), 42),
      "the sockets were passed to process 41, and this is process 42"
    )
    assert.isString(passedSockets(env("1", "42x"), 42))
    for (const count of ["0", "-1", "1.5", "x", "", "1025", "9".repeat(20)]) {
      assert.strictEqual(passedSockets(env(count), 42), `LISTEN_FDS is ${count}`)
    }
  })

  it("are chosen by name, by number, or by their descriptor", () => {
    const four = env("4", "42", "web:admin:web")
    assert.strictEqual(choose({ name: "admin" }, four, 42), 4)
    assert.strictEqual(choose({ name: "web", index: 1 }, four, 42), 5)
    assert.strictEqual(choose({ index: 3 }, four, 42), 6)
    assert.strictEqual(choose({}, env("1"), 42), 3)
    assert.strictEqual(choose({ fd: 9 }, {}, 42), 9)
    assert.strictEqual(
      choose({}, four, 42),
      "several sockets could be meant, of 4 passed: web, admin, web, unknown"
    )
    assert.include(choose({ name: "web" }, four, 42), "several sockets could be meant")
    assert.include(choose({ name: "mail" }, four, 42), "there is no such socket among the 4 passed")
    assert.include(choose({ index: 4 }, four, 42), "there is no such socket")
  })
})
