/** The messages that a load client sends and expects: each with its number, each of the same size, so that every byte is known. */
import { firstNumber, type MessageForm, type NumberField, type Template } from "./forms.ts"

/** The messages of one connection in a ring. A slot is written again only when its answer is here. */
export class MessageRing {
  readonly sent: RingSide
  /** The same as `sent` where the answer is byte for byte what was sent. */
  readonly expected: RingSide
  readonly slots: number

  constructor(form: MessageForm, slots: number) {
    this.slots = slots
    this.sent = new RingSide(form.sent, slots)
    this.expected = form.expected === form.sent ? this.sent : new RingSide(form.expected, slots)
  }

  /** Writes message `n` into its slot. */
  prepare(n: number): void {
    this.sent.prepare(n)
    if (this.expected !== this.sent) this.expected.prepare(n)
  }
}

/** One direction of a ring. */
export class RingSide {
  /** Bytes of one message, its framing included. */
  readonly size: number
  readonly bytes: Buffer
  private readonly slots: number
  private readonly numbers: ReadonlyArray<NumberField>

  constructor({ alternate, bytes, numbers }: Template, slots: number) {
    this.slots = slots
    this.size = bytes.length
    this.bytes = Buffer.alloc(bytes.length * slots)
    this.numbers = numbers
    for (let slot = 0; slot < slots; slot++) {
      bytes.copy(this.bytes, slot * this.size)
      if (alternate !== undefined) this.bytes[slot * this.size + alternate]! += slot % 2
    }
  }

  prepare(n: number): void {
    const at = (n % this.slots) * this.size
    for (let i = 0; i < this.numbers.length; i++) writeNumber(this.bytes, at, this.numbers[i]!, n)
  }
}

const writeNumber = (bytes: Buffer, start: number, { at, form, mask }: NumberField, n: number): void => {
  const begin = start + at
  switch (form) {
    case "u32":
      bytes[begin] = (n >>> 24) ^ mask
      bytes[begin + 1] = ((n >>> 16) & 0xff) ^ mask
      bytes[begin + 2] = ((n >>> 8) & 0xff) ^ mask
      bytes[begin + 3] = (n & 0xff) ^ mask
      return
    case "digits": {
      let rest = firstNumber + n
      for (let digit = begin + 9; digit >= begin; digit--) {
        const next = Math.floor(rest / 10)
        bytes[digit] = (48 + rest - next * 10) ^ mask
        rest = next
      }
      return
    }
    case "zigzag": {
      // Five groups of seven bits, the lowest first; 2 * (firstNumber + n) needs no more and no fewer.
      let rest = 2 * (firstNumber + n)
      for (let i = 0; i < 5; i++) {
        const next = Math.floor(rest / 128)
        bytes[begin + i] = (rest - next * 128) | (i < 4 ? 0x80 : 0)
        rest = next
      }
    }
  }
}
