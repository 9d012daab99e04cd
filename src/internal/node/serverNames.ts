/** Which certificate is for which name. */

/** A name as it is compared: in lower case, without the dot at its end. */
const normalized = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith(".") ? lower.slice(0, -1) : lower
}

/** Something for each name, by itself or by `*`, which stands for one label (RFC 9525, section 6.3). */
export class ServerNames<A> {
  private readonly exact = new Map<string, A>()
  private readonly wild = new Map<string, A>()

  /** The first one for a name counts. */
  add(name: string, value: A): void {
    const lower = normalized(name)
    const wild = lower.startsWith("*.")
    const table = wild ? this.wild : this.exact
    const key = wild ? lower.slice(1) : lower
    if (!table.has(key)) table.set(key, value)
  }

  find(name: string): A | undefined {
    const lower = normalized(name)
    const dot = lower.indexOf(".")
    return this.exact.get(lower) ?? (dot > 0 ? this.wild.get(lower.slice(dot)) : undefined)
  }
}
