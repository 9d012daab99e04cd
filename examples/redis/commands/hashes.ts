/** Hashes: fields and their values. */
import { Resp } from "effect-sluice"
import { wrongArity, wrongType } from "../replies.ts"
import { wrongKind } from "../store.ts"
import { reads, type Table, writes } from "../table.ts"

export const hashes: Table = {
  hset: writes(-4, (command, { store }) => {
    if (command.length % 2 !== 0) return wrongArity("hset")
    const key = command.latin1(1)
    const found = store.hashAt(key)
    if (found === wrongKind) return wrongType
    const hash = found ?? new Map<string, string>()
    const before = hash.size
    for (let i = 2; i < command.length; i += 2) hash.set(command.latin1(i), command.latin1(i + 1))
    if (found === undefined) store.put(key, hash)
    else store.touched(key, hash.size)
    return hash.size - before
  }),
  hget: reads(3, (command, session) => {
    const hash = session.store.hashAt(command.latin1(1))
    if (hash === wrongKind) return wrongType
    return hash?.get(command.latin1(2)) ?? session.none
  }),
  hgetall: reads(2, (command, session) => {
    const hash = session.store.hashAt(command.latin1(1))
    return hash === wrongKind ? wrongType : session.versioned(Resp.map(hash ?? []))
  }),
  hdel: writes(-3, (command, { store }) => {
    const key = command.latin1(1)
    const hash = store.hashAt(key)
    if (hash === wrongKind) return wrongType
    if (hash === undefined) return 0
    let removed = 0
    for (let i = 2; i < command.length; i++) if (hash.delete(command.latin1(i))) removed++
    if (removed > 0) store.touched(key, hash.size)
    return removed
  })
}
