/** `npm run test:fuzz`: mutations of valid traffic, by the hundred thousand. */
import { defineConfig } from "vitest/config"
import { resolve } from "./vitest.shared.ts"

export default defineConfig({
  resolve,
  test: { include: ["test/fuzz/**/*.test.ts"], maxWorkers: 2, testTimeout: 600_000 }
})
