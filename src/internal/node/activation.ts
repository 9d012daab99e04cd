/** The sockets that a service manager passes, as sd_listen_fds(3) has it. */

/** The first of them. */
const firstDescriptor = 3

/** More are a mistake. */
const mostSockets = 1024

/** One that was passed. */
export interface PassedSocket {
  readonly fd: number
  /** As the service manager calls it; `unknown` where it says nothing. */
  readonly name: string
}

type Environment = Readonly<Record<string, string | undefined>>

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined

/** The sockets that are for this process, or why there are none. */
export const passedSockets = (env: Environment, pid: number): ReadonlyArray<PassedSocket> | string => {
  const { LISTEN_FDNAMES, LISTEN_FDS, LISTEN_PID } = env
  if (LISTEN_FDS === undefined || LISTEN_PID === undefined) {
    return "no sockets were passed: LISTEN_FDS and LISTEN_PID are not set"
  }
  if (numberOf(LISTEN_PID) !== pid) {
    return `the sockets were passed to process ${LISTEN_PID}, and this is process ${pid}`
  }
  const count = numberOf(LISTEN_FDS)
  if (count === undefined || count < 1 || count > mostSockets) return `LISTEN_FDS is ${LISTEN_FDS}`
  const names = LISTEN_FDNAMES === undefined ? [] : LISTEN_FDNAMES.split(":")
  return Array.from({ length: count }, (_, i) => ({ fd: firstDescriptor + i, name: names[i] || "unknown" }))
}

/** Which one is meant. */
export interface Choice {
  readonly fd?: number | undefined
  readonly name?: string | undefined
  readonly index?: number | undefined
}

/** The descriptor that is meant, or why there is none. */
export const choose = ({ fd, index, name }: Choice, env: Environment, pid: number): number | string => {
  if (fd !== undefined) return fd
  const passed = passedSockets(env, pid)
  if (typeof passed === "string") return passed
  const named = name === undefined ? passed : passed.filter((socket) => socket.name === name)
  const all = `${passed.length} passed: ${passed.map((socket) => socket.name).join(", ")}`
  if (index === undefined && named.length > 1) return `several sockets could be meant, of ${all}`
  return named[index ?? 0]?.fd ?? `there is no such socket among the ${all}`
}
