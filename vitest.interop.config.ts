/** `npm run test:interop`: the examples, driven by clients that others wrote. */
import { defineConfig } from "vitest/config"
import { resolve } from "./vitest.shared.ts"

export default defineConfig({
  resolve,
  test: { include: ["test/interop/**/*.test.ts"], maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 }
})
