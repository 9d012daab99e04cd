/**
 * The codecs once more, with schemas that Effect compiles to JavaScript: nothing of what they do may change. In a folder
 * of its own, since it is so for all that runs in the same process.
 */
import "effect/schema/SchemaJITCompiler/enable"
import "../codec/binary.test.ts"
import "../codec/json.test.ts"
import "../codec/messagePack.test.ts"
import "../codec/services.test.ts"
import { afterEach, assert, describe, expect, it, vi } from "@effect/vitest"
import { Schema } from "effect"
import * as Codec from "../../src/Codec.ts"
import { fromText, succeeds } from "../codec/support.ts"

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
