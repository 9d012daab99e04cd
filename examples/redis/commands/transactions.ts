/** Commands that are carried out together. */
import { Effect } from "effect"
import { Resp } from "effect-sluice"
import { error } from "../replies.ts"
import type { Row, Table } from "../table.ts"
import { Transaction } from "../transaction.ts"

const nested = error("ERR MULTI calls can not be nested")
const noExec = error("ERR EXEC without MULTI")
const noDiscard = error("ERR DISCARD without MULTI")
const abortedBefore = error("EXECABORT Transaction discarded because of previous errors.")

const row = (rest: Pick<Row, "run"> | Pick<Row, "effect">): Row => ({
  ...rest,
  ...{ arity: 1, flags: ["fast"], keys: [0, 0, 0], always: true }
})

export const transactions: Table = {
  multi: row({
    run: (_, session) => {
      if (session.transaction !== undefined) return nested
      session.transaction = new Transaction()
      return Resp.ok
    }
  }),
  discard: row({
    run: (_, session) => {
      if (session.transaction === undefined) return noDiscard
      session.transaction = undefined
      return Resp.ok
    }
  }),
  exec: row({
    effect: (_, session) =>
      Effect.suspend((): ReturnType<NonNullable<Row["effect"]>> => {
        const { transaction } = session
        if (transaction === undefined) return Effect.succeed([noExec])
        session.transaction = undefined
        const { aborted, commands } = transaction
        if (aborted) return Effect.succeed([abortedBefore])
        const { file } = session.shared
        // All that reads and writes is done here and now, and nobody else comes between.
        file?.begin()
        const values = commands.map(({ command, row }) =>
          row.run === undefined ? undefined : [session.run(row.run, row, command)]
        )
        file?.commit()
        // What concerns other connections comes behind.
        const all = Effect.forEach(
          commands,
          ({ command, row }, i): ReturnType<NonNullable<Row["effect"]>> =>
            values[i] !== undefined
              ? Effect.succeed(values[i])
              : (row.effect?.(command, session) ?? Effect.succeed([]))
        )
        return Effect.map(all, (answers) => [answers.flat()])
      })
  })
}
