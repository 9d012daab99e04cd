/** Lists: both ends are cheap. */
import type { Resp } from "effect-sluice"
import { Deque } from "../deque.ts"
import { parseCount } from "../numbers.ts"
import { mustBePositive, notInteger, wrongArity, wrongType } from "../replies.ts"
import type { Session } from "../session.ts"
import { wrongKind } from "../store.ts"
import { reads, type Table, writes } from "../table.ts"

const push =
  (end: "pushFront" | "pushBack") =>
  (command: Resp.Command, { store }: Session): Resp.Value => {
    const key = command.latin1(1)
    const found = store.listAt(key)
    if (found === wrongKind) return wrongType
    const list = found ?? new Deque()
    for (let i = 2; i < command.length; i++) list[end](command.latin1(i))
    if (found === undefined) store.put(key, list)
    else store.touched(key, list.length)
    return list.length
  }

const pop =
  (name: string, end: "popFront" | "popBack") =>
  (command: Resp.Command, session: Session): Resp.Value => {
    const { store } = session
    if (command.length > 3) return wrongArity(name)
    const key = command.latin1(1)
    const count = command.length === 3 ? parseCount(command.latin1(2)) : 1
    if (count === undefined || count < 0) return mustBePositive
    const list = store.listAt(key)
    if (list === wrongKind) return wrongType
    if (list === undefined) return command.length === 3 ? session.noArray : session.none
    if (count === 0) return []
    const values = Array.from({ length: Math.min(count, list.length) }, () => list[end]())
    store.touched(key, list.length)
    return command.length === 3 ? values : (values[0] as string)
  }

const range = (command: Resp.Command, { store }: Session): Resp.Value => {
  const [first, last] = [parseCount(command.latin1(2)), parseCount(command.latin1(3))]
  if (first === undefined || last === undefined) return notInteger
  const list = store.listAt(command.latin1(1))
  if (list === wrongKind) return wrongType
  if (list === undefined) return []
  const from = Math.max(first < 0 ? first + list.length : first, 0)
  const to = Math.min(last < 0 ? last + list.length : last, list.length - 1) + 1
  return from < to ? list.slice(from, to) : []
}

export const lists: Table = {
  lpush: writes(-3, push("pushFront")),
  rpush: writes(-3, push("pushBack")),
  lpop: writes(-2, pop("lpop", "popFront")),
  rpop: writes(-2, pop("rpop", "popBack")),
  lrange: reads(4, range)
}
