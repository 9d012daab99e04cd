/** The limit: echo on `node:net` by hand. */
import { serveByHand } from "../lib/netServer.ts"

serveByHand((frame) => frame)
