/** What a command is: a row of the table that `COMMAND` tells of. */
import type { Effect } from "effect"
import type { Connection, Resp } from "effect-sluice"
import type { Session } from "./session.ts"

export interface Row {
  /** How many words, the name included; a negative one is the least. */
  readonly arity: number
  readonly flags: ReadonlyArray<"write" | "readonly" | "fast" | "pubsub" | "admin">
  /** Where its keys are: the first, the last (negative ones from the end), and from one to the next. */
  readonly keys: readonly [first: number, last: number, step: number]
  /** Answers at once, so that nothing comes between what it reads and what it writes. */
  readonly run?: (command: Resp.Command, session: Session) => Resp.Value
  /** For those that have to do with other connections, or answer more than one value, or none. */
  readonly effect?: (
    command: Resp.Command,
    session: Session
  ) => Effect.Effect<ReadonlyArray<Resp.Value>, Connection.SendError>
  /** Whether it is carried out between `MULTI` and `EXEC` too, rather than queued. */
  readonly always?: boolean
}

/** A row under its name, in small letters. */
export interface Named extends Row {
  readonly name: string
}

export type Table = Readonly<Record<string, Row>>

type Run = NonNullable<Row["run"]>

export const reads = (arity: number, run: Run, keys: Row["keys"] = [1, 1, 1]): Row => ({
  arity,
  flags: ["readonly", "fast"],
  keys,
  run
})

export const writes = (arity: number, run: Run, keys: Row["keys"] = [1, 1, 1]): Row => ({
  arity,
  flags: ["write"],
  keys,
  run
})

export const fitsArity = ({ arity }: Row, length: number): boolean =>
  arity >= 0 ? length === arity : length >= -arity
