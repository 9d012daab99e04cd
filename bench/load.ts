/** The load client, a process of its own: `node load.js '<LoadOptions as JSON>'`. */
import { useClient } from "./lib/connect.ts"
import type { LoadOptions, LoadResult } from "./lib/loadOptions.ts"
import { endWithParent } from "./lib/serverProcess.ts"
import { broadcastLoad } from "./loads/broadcast.ts"
import { connectLoad } from "./loads/connect.ts"
import { echoLoad } from "./loads/echo.ts"
import { idleLoad } from "./loads/idle.ts"
import { pacedLoad } from "./loads/paced.ts"

const options: LoadOptions = JSON.parse(process.argv[2] ?? "{}")

const loads: Record<Exclude<LoadOptions["load"], "idle">, (options: LoadOptions) => Promise<LoadResult>> = {
  echo: echoLoad,
  connect: connectLoad,
  broadcast: broadcastLoad,
  paced: pacedLoad
}

const main = async (): Promise<void> => {
  endWithParent()
  if (options.client !== undefined) await useClient(options.client)
  if (options.load === "idle") return idleLoad(options)
  const result = await loads[options.load](options)
  process.stdout.write(`result ${JSON.stringify(result)}\n`, () => process.exit(0))
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
