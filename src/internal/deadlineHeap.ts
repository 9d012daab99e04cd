/** A priority queue of moments in which every entry knows its place. */

/** Something that comes due. The heap alone writes its fields. */
export interface HeapEntry {
  /** When, in milliseconds of any one clock; `Infinity` outside the heap. */
  due: number
  /** Where in the heap; -1 outside it. */
  place: number
}

/** A binary heap, earliest first. `set` and `remove` take logarithmic time, `first` none. */
export class DeadlineHeap<Entry extends HeapEntry> {
  private readonly entries: Array<Entry> = []

  get size(): number {
    return this.entries.length
  }

  /** The entry that is due first. */
  get first(): Entry | undefined {
    return this.entries[0]
  }

  /** Puts an entry in, or moves one that is in already. */
  set(entry: Entry, due: number): void {
    const before = entry.due
    entry.due = due
    if (entry.place < 0) {
      entry.place = this.entries.length
      this.entries.push(entry)
      this.rise(entry)
    } else if (due < before) {
      this.rise(entry)
    } else {
      this.sink(entry)
    }
  }

  /** Takes an entry out. One that is not in is left alone. */
  remove(entry: Entry): void {
    const { place } = entry
    if (place < 0) return
    entry.due = Number.POSITIVE_INFINITY
    entry.place = -1
    const last = this.entries.pop()
    if (last === undefined || last === entry) return
    last.place = place
    this.entries[place] = last
    this.rise(last)
    this.sink(last)
  }

  private rise(entry: Entry): void {
    const { entries } = this
    let { place } = entry
    while (place > 0) {
      const above = (place - 1) >> 1
      // A place below the last one holds an entry.
      const parent = entries[above]!
      if (parent.due <= entry.due) break
      entries[place] = parent
      parent.place = place
      place = above
    }
    entries[place] = entry
    entry.place = place
  }

  private sink(entry: Entry): void {
    const { entries } = this
    const { length } = entries
    let { place } = entry
    for (;;) {
      let below = 2 * place + 1
      if (below >= length) break
      // Both are within the length.
      if (below + 1 < length && entries[below + 1]!.due < entries[below]!.due) below++
      const child = entries[below]!
      if (child.due >= entry.due) break
      entries[place] = child
      child.place = place
      place = below
    }
    entries[place] = entry
    entry.place = place
  }
}
