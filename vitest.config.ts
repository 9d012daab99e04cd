import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import "./scripts/groupBy.ts"

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-sluice$/, replacement: source("index.ts") },
      { find: /^effect-sluice\/testing$/, replacement: source("testing/index.ts") },
      { find: /^effect-sluice\/(.+)$/, replacement: source("$1.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    // These have commands of their own: `npm run test:interop` and `npm run test:fuzz`.
    exclude: ["**/node_modules/**", "test/interop/**", "test/fuzz/**"],
    testTimeout: 30_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reportOnFailure: true,
      thresholds: { lines: 90 }
    }
  }
})
