/** A list whose both ends are cheap: a ring that doubles. */
export class Deque {
  length = 0
  private ring: Array<string> = new Array<string>(8).fill("")
  private head = 0

  pushBack(value: string): void {
    if (this.length === this.ring.length) this.grow()
    this.ring[this.place(this.length++)] = value
  }

  pushFront(value: string): void {
    if (this.length === this.ring.length) this.grow()
    this.head = this.place(-1)
    this.ring[this.head] = value
    this.length++
  }

  popFront(): string {
    const value = this.take(this.head)
    this.head = this.place(1)
    this.length--
    return value
  }

  popBack(): string {
    return this.take(this.place(--this.length))
  }

  /** From one index up to another, which is left out. Both are there. */
  slice(from: number, to: number): Array<string> {
    return Array.from({ length: to - from }, (_, i) => this.ring[this.place(from + i)] as string)
  }

  private place(index: number): number {
    // The ring's length is a power of two.
    return (this.head + index) & (this.ring.length - 1)
  }

  private take(place: number): string {
    const value = this.ring[place] as string
    this.ring[place] = ""
    return value
  }

  private grow(): void {
    const all = this.slice(0, this.length)
    this.ring = [...all, ...new Array<string>(all.length).fill("")]
    this.head = 0
  }
}
