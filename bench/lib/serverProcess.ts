/** What all servers under test have in common as processes: how they announce themselves, how they end, how they tell their memory. */

/** Tells the port, and from here on ends with SIGTERM or with the parent, and answers SIGUSR2 with its memory. */
export const announce = (port: number): void => {
  endWithParent()
  process.on("SIGTERM", () => process.exit(0))
  process.on("SIGUSR2", () => {
    void tellMemory()
  })
  process.stdout.write(`listening ${port}\n`)
}

/** A process whose parent is gone has another parent. */
export const endWithParent = (): void => {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1)
  }, 500).unref()
}

const tellMemory = async (): Promise<void> => {
  // Several, with turns in between: finalizers and weak references free more after the first.
  for (let i = 0; i < 6; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { external, heapUsed, rss } = process.memoryUsage()
  process.stdout.write(`memory ${JSON.stringify({ rss, heap: heapUsed + external })}\n`)
}
