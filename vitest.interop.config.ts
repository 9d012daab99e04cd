/** `npm run test:interop`: the examples, driven by clients that others wrote. */
import { defineConfig, mergeConfig } from "vitest/config"
import base from "./vitest.config.ts"

const config = mergeConfig(base, defineConfig({ test: { testTimeout: 60_000, hookTimeout: 60_000 } }))

export default { ...config, test: { ...config.test, include: ["test/interop/**/*.test.ts"], exclude: [] } }
