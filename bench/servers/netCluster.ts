/** What Node has by itself: `node:cluster` by hand, with the same work for each message. The argument says how many. */
import cluster from "node:cluster"
import { serveByHand } from "../lib/netServer.ts"
import { announce } from "../lib/serverProcess.ts"
import { worked } from "../lib/work.ts"

if (cluster.isPrimary) {
  const count = Number(process.argv[2] ?? 2)
  let listening = 0
  cluster.on("listening", (_worker, { port }) => {
    if (++listening === count) announce(port)
  })
  for (let i = 0; i < count; i++) cluster.fork()
} else {
  // It ends with the primary, as Node has it.
  serveByHand(worked, () => {})
}
