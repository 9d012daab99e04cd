/** `npm run test:fuzz`: mutations of valid traffic, by the hundred thousand. */
import { defineConfig, mergeConfig } from "vitest/config"
import base from "./vitest.config.ts"

const config = mergeConfig(base, defineConfig({ test: { testTimeout: 600_000 } }))

export default { ...config, test: { ...config.test, include: ["test/fuzz/**/*.test.ts"], exclude: [] } }
