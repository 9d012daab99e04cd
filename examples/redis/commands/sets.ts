/** Sets of strings. */
import { Resp } from "effect-sluice"
import { wrongType } from "../replies.ts"
import { wrongKind } from "../store.ts"
import { reads, type Table, writes } from "../table.ts"

export const sets: Table = {
  sadd: writes(-3, (command, { store }) => {
    const key = command.latin1(1)
    const found = store.setAt(key)
    if (found === wrongKind) return wrongType
    const set = found ?? new Set<string>()
    const before = set.size
    for (let i = 2; i < command.length; i++) set.add(command.latin1(i))
    if (found === undefined) store.put(key, set)
    else if (set.size > before) store.touched(key, set.size)
    return set.size - before
  }),
  smembers: reads(2, (command, session) => {
    const set = session.store.setAt(command.latin1(1))
    return set === wrongKind ? wrongType : session.versioned(Resp.set(set ?? []))
  }),
  srem: writes(-3, (command, { store }) => {
    const key = command.latin1(1)
    const set = store.setAt(key)
    if (set === wrongKind) return wrongType
    if (set === undefined) return 0
    let removed = 0
    for (let i = 2; i < command.length; i++) if (set.delete(command.latin1(i))) removed++
    if (removed > 0) store.touched(key, set.size)
    return removed
  })
}
