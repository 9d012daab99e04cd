/** What a transport brings besides bytes, and a protocol that it carries. */
import type { Framing } from "../Framing.ts"
import type { Carriage } from "../Transport.ts"

/** The framing that connections use: the protocol's, unless the transport keeps messages apart by itself. */
export const carriedFraming = (
  carriage: Carriage,
  framing: Framing,
  encoders: ReadonlyArray<{ readonly text?: boolean | undefined }>
): Framing =>
  // One that is refused stays as it is, so that it can say why.
  carriage.framing === undefined || framing.problems.length > 0
    ? framing
    : carriage.framing(
        framing,
        encoders.every(({ text }) => text === true)
      )
