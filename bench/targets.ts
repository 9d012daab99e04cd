/** What the library is to reach: ratios of two measurements of the same round. */
import type { Outcome } from "./lib/session.ts"

export interface Cell {
  readonly workload: string
  readonly variant: string
}

export interface Target {
  readonly what: string
  readonly metric: "rate" | "cpu" | "rss"
  readonly of: Cell
  readonly to: Cell
  /** At least this ratio for a rate; at most this one for what is spent. */
  readonly ratio: number
  /** What is reached where the target itself is out of reach, for the reason that NOTES.md has: what `--check` holds. */
  readonly held?: number
}

export const isRate = ({ metric }: Target): boolean => metric === "rate"

const speed = (workload: string, variant: string, baseline: string, ratio: number, held = ratio): Target => ({
  what: `${workload}: ${variant} to ${baseline}, messages a second`,
  metric: "rate",
  of: { workload, variant },
  to: { workload, variant: baseline },
  ratio,
  held
})

const memory = (variant: string, ratio: number): Target => ({
  what: `idle: ${variant} to net, RSS of a connection`,
  metric: "rss",
  of: { workload: "idle", variant },
  to: { workload: "idle", variant: "net" },
  ratio
})

export const targets: ReadonlyArray<Target> = [
  speed("pipelined-16x64", "stream", "net", 0.92),
  speed("pipelined-16x64", "map", "net", 0.92),
  speed("pipelined-16x64", "sync", "net", 0.7),
  speed("pipelined-16x64", "gen", "net", 0.12),
  speed("pipelined-16x64", "route", "netRoute", 0.85, 0.65),
  speed("pipelined-16x64", "jsonCompiled", "netJson", 0.9),
  speed("pipelined-128x64", "stream", "net", 0.85),
  speed("pipelined-128x64", "map", "net", 0.85),
  speed("pingpong-64", "stream", "net", 0.92),
  speed("pingpong-512", "stream", "net", 0.92),
  speed("connect", "stream", "net", 0.92),
  speed("broadcast-1000", "broadcast", "netBroadcast", 0.9),
  speed("pipelined-16x64", "stream", "effectSocket", 1.2, 1.05),
  speed("pingpong-64", "stream", "effectSocket", 1.2),
  speed("connect", "stream", "effectSocket", 2.5, 1.5),
  memory("deadlines", 2),
  memory("heartbeat", 2.5),
  {
    what: "10 000 connections to 128, the same messages a second: stream, CPU of a message",
    metric: "cpu",
    of: { workload: "paced-10000", variant: "stream" },
    to: { workload: "paced-128", variant: "stream" },
    ratio: 1.3
  }
]

/** `--check` fails where a ratio is worse than what it holds by this factor: machines differ, and other people use them. */
export const slack = 0.8

export type Verdict = "reached" | "missed" | "not measured"

export interface Judgement {
  readonly target: Target
  readonly ratio: number | undefined
  /** The same by CPU time for an operation, turned over: what `ratio` would be if the server had a core for itself. */
  readonly byCpu?: number | undefined
  readonly verdict: Verdict
  /** Missed by more than the slack. */
  readonly failing: boolean
}

/** What a trial gave for a metric; for a trial that failed, `otherwise`. */
const valueOf = (outcome: Outcome, metric: Target["metric"], otherwise: number | undefined) =>
  typeof outcome === "object" ? outcome[metric] : typeof outcome === "string" ? otherwise : undefined

/** The median of the ratios within rounds, against each target. */
export const judge = (
  outcomesOf: (cell: Cell) => ReadonlyArray<Outcome>,
  median: (values: ReadonlyArray<number>) => number | undefined
): ReadonlyArray<Judgement> =>
  targets.map((target): Judgement => {
    const ratioOf = (metric: Target["metric"], failed: number) => {
      const denominators = outcomesOf(target.to).map((outcome) => valueOf(outcome, metric, undefined))
      return median(
        outcomesOf(target.of).flatMap((outcome, round) => {
          const value = valueOf(outcome, metric, failed)
          const denominator = denominators[round]
          return value === undefined || denominator === undefined || denominator <= 0
            ? []
            : [value / denominator]
        })
      )
    }
    // A server that fails does nothing in a second, and spends all that there is.
    const ratio = ratioOf(target.metric, isRate(target) ? 0 : Number.POSITIVE_INFINITY)
    if (ratio === undefined) return { target, ratio, verdict: "not measured", failing: false }
    const shareOf = (asked: number) => (isRate(target) ? ratio / asked : asked / ratio)
    const cpu = isRate(target) ? ratioOf("cpu", Number.POSITIVE_INFINITY) : undefined
    return {
      target,
      ratio,
      ...(cpu === undefined ? {} : { byCpu: 1 / cpu }),
      verdict: shareOf(target.ratio) >= 1 ? "reached" : "missed",
      failing: shareOf(target.held ?? target.ratio) < slack
    }
  })
