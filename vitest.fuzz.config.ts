/** `npm run test:fuzz`: mutations of valid traffic, by the hundred thousand. */
import { defineConfig } from "vitest/config"
import { resolve } from "./vitest.shared.ts"

export default defineConfig({
  resolve,
  test: {
    include: ["test/fuzz/**/*.test.ts"],
    maxWorkers: 2,
    testTimeout: 600_000,
    // A case leaves much behind that is soon garbage: with more room for it, it is collected less often.
    execArgv: ["--max-semi-space-size=64"]
  }
})
