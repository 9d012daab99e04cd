/** Keys, whatever they hold: how long they live, how many there are, and which. */
import { Resp } from "effect-sluice"
import { matches } from "../glob.ts"
import { parseInteger } from "../numbers.ts"
import { error, invalidExpire, notInteger, syntaxError } from "../replies.ts"
import type { Session } from "../session.ts"
import { reads, type Table, writes } from "../table.ts"

const notTogether = error("ERR NX and XX, GT or LT options at the same time are not compatible")
const notBoth = error("ERR GT and LT options at the same time are not compatible")

interface Conditions {
  readonly nx: boolean
  readonly xx: boolean
  readonly gt: boolean
  readonly lt: boolean
}

/** What stands behind the time. */
const conditionsOf = (command: Resp.Command): Conditions | Resp.SimpleError => {
  const words = new Set<string>()
  for (let i = 3; i < command.length; i++) {
    const word = command.latin1(i).toUpperCase()
    if (!["NX", "XX", "GT", "LT"].includes(word)) return error(`ERR Unsupported option ${command.latin1(i)}`)
    words.add(word)
  }
  const conditions = { nx: words.has("NX"), xx: words.has("XX"), gt: words.has("GT"), lt: words.has("LT") }
  if (conditions.nx && words.size > 1) return notTogether
  return conditions.gt && conditions.lt ? notBoth : conditions
}

const allowed = ({ gt, lt, nx, xx }: Conditions, next: number, before: number | undefined): boolean => {
  if (nx && before !== undefined) return false
  // A key without a deadline lives for ever, which is longer than anything.
  const since = before ?? Number.POSITIVE_INFINITY
  return !(xx && before === undefined) && !(gt && next <= since) && !(lt && next >= since)
}

const expire =
  (name: string, unit: bigint, absolute: boolean) =>
  (command: Resp.Command, session: Session): Resp.Value => {
    const { store } = session
    const key = command.latin1(1)
    const conditions = conditionsOf(command)
    if ("_tag" in conditions) return conditions
    const time = parseInteger(command.latin1(2))
    if (time === undefined) return notInteger
    const deadline = time * unit + (absolute ? 0n : BigInt(store.now))
    if (deadline > 2n ** 63n - 1n || deadline < -(2n ** 63n)) return invalidExpire(name)
    if (store.get(key) === undefined || !allowed(conditions, Number(deadline), store.deadline(key))) return 0
    if (deadline <= BigInt(store.now)) {
      store.remove(key)
      session.log("DEL", key)
    } else {
      store.setDeadline(key, Number(deadline))
      store.changes++
      session.log("PEXPIREAT", key, String(deadline))
    }
    return 1
  }

const timeLeft =
  (unit: number) =>
  (command: Resp.Command, { store }: Session): Resp.Value => {
    const key = command.latin1(1)
    if (store.get(key) === undefined) return -2
    const deadline = store.deadline(key)
    return deadline === undefined ? -1 : Math.floor((deadline - store.now + unit / 2) / unit)
  }

export const keys: Table = {
  del: writes(
    -2,
    (command, { store }) => {
      let removed = 0
      // Asked for first: what has expired is not there to be removed.
      for (let i = 1; i < command.length; i++) {
        const key = command.latin1(i)
        if (store.get(key) !== undefined && store.remove(key)) removed++
      }
      return removed
    },
    [1, -1, 1]
  ),
  exists: reads(
    -2,
    (command, { store }) => {
      let found = 0
      for (let i = 1; i < command.length; i++) if (store.get(command.latin1(i)) !== undefined) found++
      return found
    },
    [1, -1, 1]
  ),
  expire: writes(-3, expire("expire", 1000n, false)),
  pexpire: writes(-3, expire("pexpire", 1n, false)),
  expireat: writes(-3, expire("expireat", 1000n, true)),
  pexpireat: writes(-3, expire("pexpireat", 1n, true)),
  ttl: reads(2, timeLeft(1000)),
  pttl: reads(2, timeLeft(1)),
  keys: reads(
    2,
    (command, { store }) => store.keys().filter((key) => matches(command.latin1(1), key)),
    [0, 0, 0]
  ),
  dbsize: reads(1, (_, { store }) => store.size, [0, 0, 0]),
  flushall: writes(
    -1,
    (command, { store }) => {
      const word = command.latin1(1).toUpperCase()
      if (command.length > 2 || !["", "SYNC", "ASYNC"].includes(word)) return syntaxError
      store.clear()
      return Resp.ok
    },
    [0, 0, 0]
  )
}
