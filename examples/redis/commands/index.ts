/** All commands, by their names in small letters and in capitals, the two ways in which programs write them. */
import type { Named } from "../table.ts"
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

export const table: ReadonlyMap<string, Named> = new Map(
  Object.entries(all).flatMap(([name, row]): ReadonlyArray<readonly [string, Named]> => {
    const named = { ...row, name }
    return [
      [name, named],
      [name.toUpperCase(), named]
    ]
  })
)
