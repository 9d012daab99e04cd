/** `GET`, `SET` and their like. */
import { Resp } from "effect-sluice"
import { fits, parseInteger } from "../numbers.ts"
import { invalidExpire, notInteger, overflow, syntaxError, wrongArity, wrongType } from "../replies.ts"
import type { Session } from "../session.ts"
import { reads, type Table, writes } from "../table.ts"

interface SetOptions {
  readonly only: "NX" | "XX" | undefined
  /** Milliseconds since 1970. */
  readonly deadline: bigint | undefined
}

const units: ReadonlySet<string> = new Set(["EX", "PX", "EXAT", "PXAT"])
const lastMoment = 2n ** 63n - 1n

/** What stands behind the value, or what is wrong with it: first with the words, then with the time. */
const setOptions = (command: Resp.Command, session: Session): SetOptions | Resp.SimpleError => {
  let only: SetOptions["only"]
  let unit = ""
  let text = ""
  for (let i = 3; i < command.length; i++) {
    const word = command.latin1(i).toUpperCase()
    if (word === "NX" || word === "XX") {
      if (only !== undefined && only !== word) return syntaxError
      only = word
    } else if (units.has(word) && (unit === "" || unit === word) && i + 1 < command.length) {
      unit = word
      text = command.latin1(++i)
    } else {
      return syntaxError
    }
  }
  if (unit === "") return { only, deadline: undefined }
  const time = parseInteger(text)
  if (time === undefined) return notInteger
  const millis = unit.startsWith("EX") ? time * 1000n : time
  const deadline = unit.endsWith("AT") ? millis : millis + BigInt(session.store.now)
  return time <= 0n || deadline > lastMoment ? invalidExpire("set") : { only, deadline }
}

const set = (command: Resp.Command, session: Session): Resp.Value => {
  const { store } = session
  const key = command.latin1(1)
  const value = command.latin1(2)
  if (command.length === 3) {
    store.setDeadline(key, undefined)
    store.put(key, value)
    return Resp.ok
  }
  const options = setOptions(command, session)
  if ("_tag" in options) return options
  const there = store.get(key) !== undefined
  if (options.only === (there ? "NX" : "XX")) return session.none
  const { deadline } = options
  store.put(key, value)
  store.setDeadline(key, deadline === undefined ? undefined : Number(deadline))
  if (deadline === undefined) session.log("SET", key, value)
  else session.log("SET", key, value, "PXAT", String(deadline))
  return Resp.ok
}

const add =
  (by: bigint) =>
  (command: Resp.Command, { store }: Session): Resp.Value => {
    const key = command.latin1(1)
    const item = store.get(key)
    if (item !== undefined && typeof item !== "string") return wrongType
    const value = item === undefined ? 0n : parseInteger(item)
    if (value === undefined) return notInteger
    const sum = value + by
    if (!fits(sum)) return overflow
    store.put(key, String(sum))
    return sum
  }

export const strings: Table = {
  get: reads(2, (command, session) => {
    const item = session.store.get(command.latin1(1))
    if (item === undefined) return session.none
    return typeof item === "string" ? item : wrongType
  }),
  set: writes(-3, set),
  incr: writes(2, add(1n)),
  decr: writes(2, add(-1n)),
  mget: reads(
    -2,
    (command, session) =>
      Array.from({ length: command.length - 1 }, (_, i) => {
        const item = session.store.get(command.latin1(i + 1))
        return typeof item === "string" ? item : session.none
      }),
    [1, -1, 1]
  ),
  mset: writes(
    -3,
    (command, { store }) => {
      if (command.length % 2 === 0) return wrongArity("mset")
      for (let i = 1; i < command.length; i += 2) {
        const key = command.latin1(i)
        store.setDeadline(key, undefined)
        store.put(key, command.latin1(i + 1))
      }
      return Resp.ok
    },
    [1, -1, 2]
  )
}
