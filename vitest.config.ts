import { readdirSync } from "node:fs"
import { defineConfig } from "vitest/config"
import { maxWorkers, projects, resolve } from "./vitest.shared.ts"

/** These have commands of their own: `npm run test:interop` and `npm run test:fuzz`. */
const elsewhere = ["interop", "fuzz"]

const folders = readdirSync(new URL("./test", import.meta.url)).filter((name) => !elsewhere.includes(name))

export default defineConfig({
  resolve,
  test: {
    projects: projects(folders),
    maxWorkers,
    testTimeout: 30_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reportOnFailure: true,
      thresholds: { lines: 90 }
    }
  }
})
