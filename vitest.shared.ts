/** What all configurations of the tests have in common. */
import { fileURLToPath } from "node:url"
import "./scripts/groupBy.ts"

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

/** The library by its name is its source. */
export const resolve = {
  alias: [
    { find: /^effect-sluice$/, replacement: source("index.ts") },
    { find: /^effect-sluice\/testing$/, replacement: source("testing/index.ts") },
    { find: /^effect-sluice\/(.+)$/, replacement: source("$1.ts") }
  ]
}

/** How many test files run at a time. Many tests mostly wait, for processes and for time: two processors are busy with three. */
export const maxWorkers = 3

/**
 * Folders whose tests share a thread with others: they start no processes, and change nothing that the others see. It
 * saves what each file would need to load the library anew.
 */
const together = [
  "client",
  "codec",
  "connections",
  "deadlines",
  "events",
  "framing",
  "heartbeat",
  "inbound",
  "jsonRpc",
  "outbound",
  "protocol",
  "requests",
  "rpc",
  "testing",
  "timers",
  "types",
  "versions"
]

const filesOf = (folders: ReadonlyArray<string>) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** The tests of some folders as projects: those that share a thread, and those that have a process each. */
export const projects = (folders: ReadonlyArray<string>, rest: ReadonlyArray<string> = []) => [
  {
    extends: true as const,
    test: {
      name: "together",
      include: filesOf(folders.filter((folder) => together.includes(folder))),
      pool: "threads" as const,
      isolate: false
    }
  },
  {
    extends: true as const,
    test: {
      name: "apart",
      include: [...filesOf(folders.filter((folder) => !together.includes(folder))), ...rest]
    }
  }
]
