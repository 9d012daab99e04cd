/** The codecs once more, with schemas that Effect compiles to JavaScript: nothing of what they do may change. */
import "effect/schema/SchemaJITCompiler/enable"
import "./binary.test.ts"
import "./json.test.ts"
import "./messagePack.test.ts"
import "./services.test.ts"
import { afterEach, assert, describe, expect, it, vi } from "@effect/vitest"
import { Schema } from "effect"
import * as Codec from "../../src/Codec.ts"
import { fromText, succeeds } from "./support.ts"

describe("compiled schemas", () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it("are what the tests above ran with", () => {
    const compile = vi.spyOn(globalThis, "Function")
    const codec = Codec.json(Schema.Struct({ celsius: Schema.Finite }))
    assert.deepStrictEqual(succeeds(codec.decode(fromText(`{"celsius":21.5}`))), { celsius: 21.5 })
    expect(compile).toHaveBeenCalledWith("ast", "R", "resolve", expect.stringContaining("celsius"))
  })
})
