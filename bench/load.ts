/** The load client, a process of its own: `node load.js '<LoadOptions as JSON>'`. */
import type { LoadOptions } from "./lib/loadOptions.ts"
import { endWithParent } from "./lib/serverProcess.ts"
import { connectLoad } from "./loads/connect.ts"
import { echoLoad } from "./loads/echo.ts"
import { idleLoad } from "./loads/idle.ts"

const options: LoadOptions = JSON.parse(process.argv[2] ?? "{}")

const main = async (): Promise<void> => {
  endWithParent()
  if (options.load === "idle") return idleLoad(options)
  const result = await (options.load === "echo" ? echoLoad(options) : connectLoad(options))
  process.stdout.write(`result ${JSON.stringify(result)}\n`, () => process.exit(0))
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
