/** The phases of a load: warm-up, the measured span, the end. */
import { startSpending } from "./cpu.ts"
import { Histogram } from "./histogram.ts"
import type { LoadOptions, LoadResult } from "./loadOptions.ts"

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

const stallSeconds = 5

/** Counts what happens in the measured span, whatever it is. */
export class Meter {
  private operations = 0
  private alive = true
  private readonly latencies = new Histogram()

  /** `onStall` is called when nothing comes back for some seconds, at any time before the process ends. */
  constructor(onStall: (error: Error) => void) {
    setInterval(() => {
      if (!this.alive) onStall(new Error(`nothing came back for ${stallSeconds} seconds`))
      this.alive = false
    }, stallSeconds * 1000).unref()
  }

  count(operations: number, milliseconds: number): void {
    this.alive = true
    this.operations += operations
    this.latencies.add(milliseconds * 1000, operations)
  }

  async measure(options: LoadOptions): Promise<LoadResult> {
    await sleep(options.warmupSeconds)
    this.operations = 0
    this.latencies.clear()
    const stop = startSpending(options.serverPid)
    await sleep(options.seconds)
    const spent = stop()
    return {
      operations: this.operations,
      p50: this.latencies.quantile(0.5),
      p99: this.latencies.quantile(0.99),
      spent
    }
  }
}
