/** A reading in the binary form of its schema, for the load client, which knows nothing of schemas. */
import { Effect } from "effect"
import { Codec } from "effect-sluice"
import { type Encoded, firstNumber } from "./forms.ts"
import { Reading } from "./reading.ts"

const encode = (seq: number, size: number): Buffer =>
  Buffer.from(
    Effect.runSync(
      Codec.binary(Reading).encode({ seq, kind: "reading", value: 21.5, note: "x".repeat(size) })
    )
  )

/** The first reading, of about `size` bytes, and where its number stands. */
export const encodedReading = (size: number): Encoded => {
  const bytes = encode(firstNumber, Math.max(0, size - encode(firstNumber, 0).length))
  // The zigzag varint of the number: seven bits a byte, the lowest first.
  const varint = Array.from({ length: 5 }, (_, i) => {
    const group = Math.floor((2 * firstNumber) / 128 ** i) % 128
    return i < 4 ? group | 0x80 : group
  })
  const numberAt = bytes.indexOf(Buffer.from(varint))
  if (numberAt < 0) throw new Error("the binary form has no number where it is looked for")
  return { base64: bytes.toString("base64"), numberAt }
}
