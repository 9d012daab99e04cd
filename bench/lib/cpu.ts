/** CPU time as Linux accounts it. */
import { readdirSync, readFileSync } from "node:fs"

const ticksPerSecond = 100

/** Seconds of CPU, user and system, that a process and its threads have used: to the nanosecond, where that is told. */
export const processCpu = (pid: number): number => {
  try {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [running = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")
      nanoseconds += Number(running)
    }
    if (nanoseconds > 0) return nanoseconds / 1e9
  } catch {
    // A kernel without these statistics.
  }
  return cpuInTicks(pid)
}

const cpuInTicks = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  // The name in parentheses may hold anything, blanks included.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** The same of a process and all that it has started and still runs. */
export const treeCpu = (pid: number): number =>
  childrenOf(pid).reduce((sum, child) => sum + treeCpu(child), processCpu(pid))

const childrenOf = (pid: number): ReadonlyArray<number> => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").split(" ").filter(Boolean).map(Number)
    )
  } catch {
    // It is gone, or the kernel does not tell.
    return []
  }
}

/** Seconds of CPU that the whole machine has been busy, all cores together. */
export const machineCpu = (): number => {
  const [first = ""] = readFileSync("/proc/stat", "latin1").split("\n")
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = first
    .trim()
    .split(/ +/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond
}

/** What one measured span cost. */
export interface Spent {
  readonly seconds: number
  readonly server: number
  readonly load: number
  /** Everything else on the machine. */
  readonly other: number
}

/** Begins to count; the result tells what has been spent since. */
export const startSpending = (serverPid: number): (() => Spent) => {
  const self = process.pid
  const before = {
    time: performance.now(),
    machine: machineCpu(),
    server: treeCpu(serverPid),
    load: processCpu(self)
  }
  return () => {
    const seconds = (performance.now() - before.time) / 1000
    const server = treeCpu(serverPid) - before.server
    const load = processCpu(self) - before.load
    const other = Math.max(0, machineCpu() - before.machine - server - load)
    return { seconds, server, load, other }
  }
}

/** Waits until the machine has been less busy than `cores` for a while, or `seconds` are over. */
export const awaitQuiet = async (cores: number, seconds: number): Promise<void> => {
  const lookSeconds = 0.3
  for (let waited = 0; waited < seconds; waited += lookSeconds) {
    const before = machineCpu()
    await new Promise((resolve) => setTimeout(resolve, lookSeconds * 1000))
    if (machineCpu() - before <= cores * lookSeconds) return
  }
}
