/** What V8's CPU profiles say, by function of the source. */
import { existsSync, readFileSync } from "node:fs"
import { SourceMap } from "node:module"
import { fileURLToPath } from "node:url"

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

export interface CpuProfile {
  /** Microseconds, as all times here. */
  readonly startTime: number
  readonly endTime: number
  readonly nodes: ReadonlyArray<{ readonly id: number; readonly callFrame: CallFrame }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

export interface SelfTime {
  readonly name: string
  readonly place: string
  /** Of the time that the process was not idle. */
  readonly share: number
}

/** Self times by function in the last `seconds`, the longest first. */
export const selfTimes = (profile: CpuProfile, seconds: number): ReadonlyArray<SelfTime> => {
  const from = profile.endTime - seconds * 1e6
  const frames = new Map(profile.nodes.map(({ callFrame, id }) => [id, callFrame]))
  const times = new Map<string, { name: string; place: string; time: number }>()
  let total = 0
  let now = profile.startTime
  profile.samples.forEach((id, i) => {
    const time = profile.timeDeltas[i] ?? 0
    now += time
    const frame = frames.get(id)
    if (now < from || frame === undefined || frame.functionName === "(idle)") return
    const { name, place } = locate(frame)
    const key = `${name} ${place}`
    const entry = times.get(key) ?? { name, place, time: 0 }
    entry.time += time
    times.set(key, entry)
    total += time
  })
  return [...times.values()]
    .sort((a, b) => b.time - a.time)
    .map(({ name, place, time }) => ({ name, place, share: time / total }))
}

const maps = new Map<string, SourceMap | undefined>()

const mapOf = (url: string): SourceMap | undefined => {
  if (!maps.has(url)) {
    const path = url.startsWith("file:") ? `${fileURLToPath(url)}.map` : ""
    maps.set(url, existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, "utf8"))) : undefined)
  }
  return maps.get(url)
}

const locate = ({
  columnNumber,
  functionName,
  lineNumber,
  url
}: CallFrame): { name: string; place: string } => {
  const name = functionName === "" ? "(anonymous)" : functionName
  const entry = mapOf(url)?.findEntry(lineNumber, columnNumber)
  if (entry !== undefined && "originalSource" in entry) {
    return { name, place: `${shorten(new URL(entry.originalSource, url).href)}:${entry.originalLine + 1}` }
  }
  return { name, place: url === "" ? "" : `${shorten(url)}:${lineNumber + 1}` }
}

/** The part of a path that tells where it is: from `src`, `bench` or the package on. */
const shorten = (path: string): string =>
  /(?:node_modules\/|(?=(?:src|bench)\/)|^node:)(?!.*node_modules\/)(.*)$/.exec(path)?.[0] ?? path
