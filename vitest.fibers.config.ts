/**
 * `npm run test:fibers`: what connections and handlers do, with every batch through a fiber. Handlers are otherwise called
 * in the turn that brought their messages, and nobody may be able to tell the difference.
 */
import { defineConfig } from "vitest/config"
import { maxWorkers, projects, resolve } from "./vitest.shared.ts"

const folders = [
  "admission",
  "client",
  "connection",
  "connections",
  "deadlines",
  "delivery",
  "drain",
  "events",
  "groups",
  "handlers",
  "heartbeat",
  "inbound",
  "internal",
  "jsonRpc",
  "outbound",
  "requests",
  "rpc",
  "server",
  "switching",
  "timers",
  "versions",
  "workers"
]

/** Processes of their own, in which the switch would be on. */
const inProcesses = [
  "test/admission/descriptors.test.ts",
  "test/drain/signals.test.ts",
  "test/server/siege.test.ts"
]

export default defineConfig({
  resolve,
  test: {
    projects: projects(folders),
    exclude: ["**/node_modules/**", ...inProcesses],
    setupFiles: ["test/support/fibers.ts"],
    provide: { directPath: false },
    maxWorkers,
    testTimeout: 30_000
  }
})
