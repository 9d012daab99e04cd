/** All commands, by their names in small letters and in capitals, the two ways in which programs write them. */
import type { Row } from "../table.ts"
import { connection } from "./connection.ts"
import { hashes } from "./hashes.ts"
import { keys } from "./keys.ts"
import { lists } from "./lists.ts"
import { pubsub } from "./pubsub.ts"
import { server } from "./server.ts"
import { sets } from "./sets.ts"
import { strings } from "./strings.ts"
import { transactions } from "./transactions.ts"

const all = {
  ...connection,
  ...strings,
  ...keys,
  ...lists,
  ...hashes,
  ...sets,
  ...pubsub,
  ...transactions,
  ...server
}

export const table: ReadonlyMap<string, Row> = new Map(
  Object.entries(all).flatMap(([name, row]) => [
    [name, row],
    [name.toUpperCase(), row]
  ])
)
