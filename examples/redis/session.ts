/** One client: what it has said about itself, and its commands one after the other. */
import { Effect } from "effect"
import type { Connection, Groups } from "effect-sluice"
import { Resp } from "effect-sluice"
import type { AppendOnlyFile } from "./appendOnlyFile.ts"
import { error, queued, unknownCommand, wrongArity } from "./replies.ts"
import type { Store } from "./store.ts"
import { fitsArity, type Named, type Row } from "./table.ts"
import type { Transaction } from "./transaction.ts"

/** A message on its way to those who subscribed to its channel. */
export interface Published {
  readonly channel: string
  readonly text: string
}

/** What all clients share. */
export interface Shared {
  /** The commands, by their names in small letters and in capitals. */
  readonly table: ReadonlyMap<string, Named>
  readonly store: Store
  readonly file: AppendOnlyFile | undefined
  readonly channels: Groups.Groups<string, Published>
  readonly sessions: Map<number, Session>
  readonly startedAt: number
  readonly now: () => number
  commands: number
}

export type Peer = Connection.Connection<Resp.Command, Resp.Value>

type Later = NonNullable<Row["effect"]>

const fromBrowsers: ReadonlySet<string> = new Set(["post", "host:"])
const mayWhileSubscribed: ReadonlySet<string> = new Set(["subscribe", "unsubscribe", "ping", "quit"])

export class Session {
  readonly shared: Shared
  /** Nobody, while the file is read. */
  readonly peer: Peer | undefined
  version: 2 | 3 = 2
  name = ""
  library = { name: "", version: "" }
  /** The channels that it is subscribed to. */
  readonly channels = new Set<string>()
  /** Between `MULTI` and `EXEC`. */
  transaction: Transaction | undefined
  /** What the file gets in place of the command at hand. */
  private instead: Resp.Command | undefined

  constructor(shared: Shared, peer: Peer | undefined) {
    this.shared = shared
    this.peer = peer
  }

  get store(): Store {
    return this.shared.store
  }

  /** What stands for a string that is not there, in the version at hand; for an array, the other. */
  get none(): Resp.Value {
    return this.version === 3 ? null : Resp.nullString
  }

  get noArray(): Resp.Value {
    return this.version === 3 ? null : Resp.nullArray
  }

  /** A value of RESP3 in the version at hand. */
  versioned(value: Resp.Value): Resp.Value {
    return this.version === 3 ? value : Resp.toResp2(value)
  }

  /** Has the file say something else than the command at hand: a time on the clock instead of one from now, say. */
  log(name: string, ...args: ReadonlyArray<string>): void {
    this.instead = Resp.command(name, ...args.map((text) => Buffer.from(text, "latin1")))
  }

  /** Carries out the commands of a batch and sends the answers together. */
  readonly take = (batch: ReadonlyArray<Resp.Command>): Effect.Effect<void, Connection.SendError> => {
    this.shared.commands += batch.length
    return this.takeFrom(batch, 0)
  }

  /** Carries out a command of the file. */
  apply(command: Resp.Command): void {
    const row = this.shared.table.get(command.latin1(0).toLowerCase())
    row?.run?.(command, this)
  }

  private takeFrom(
    batch: ReadonlyArray<Resp.Command>,
    from: number
  ): Effect.Effect<void, Connection.SendError> {
    this.store.now = this.shared.now()
    const replies: Array<Resp.Value> = []
    for (let i = from; i < batch.length; i++) {
      const effect = this.call(batch[i] as Resp.Command, replies)
      if (effect === undefined) continue
      return this.reply(replies).pipe(
        Effect.andThen(effect),
        Effect.flatMap((values) => this.reply(values)),
        Effect.andThen(Effect.suspend(() => this.takeFrom(batch, i + 1)))
      )
    }
    return this.reply(replies)
  }

  /** Answers once the file has what was changed. */
  private reply(values: ReadonlyArray<Resp.Value>): Effect.Effect<void, Connection.SendError> {
    if (this.peer === undefined) return Effect.void
    const { file } = this.shared
    return file === undefined || file.settled
      ? this.peer.sendAll(values)
      : Effect.andThen(file.settle, this.peer.sendAll(values))
  }

  /** One command: its answer is added to `replies`, or to come from the effect that is returned. */
  private call(command: Resp.Command, replies: Array<Resp.Value>): ReturnType<Later> | undefined {
    const { table } = this.shared
    const said = command.latin1(0)
    const row = table.get(said) ?? table.get(said.toLowerCase())
    if (row === undefined) {
      // A page in somebody's browser, which has been made to talk to this port.
      if (this.peer !== undefined && fromBrowsers.has(said.toLowerCase()))
        return Effect.as(this.peer.close, [])
      replies.push(this.reject(undefined, unknownCommand(command)))
    } else if (!fitsArity(row, command.length)) {
      replies.push(this.reject(row, wrongArity(row.name)))
    } else if (this.channels.size > 0 && this.version === 2 && !mayWhileSubscribed.has(row.name)) {
      replies.push(this.reject(row, notWhileSubscribed(row.name)))
    } else if (this.transaction !== undefined && row.always !== true) {
      replies.push(this.enqueue(this.transaction, row, command))
    } else if (row.run !== undefined) {
      replies.push(this.run(row.run, row, command))
    } else {
      return row.effect?.(command, this)
    }
    return undefined
  }

  /** Carries out a command that answers at once; the file has it where it has changed something. */
  run(run: NonNullable<Row["run"]>, row: Row, command: Resp.Command): Resp.Value {
    const { file } = this.shared
    if (file === undefined || !row.flags.includes("write")) return run(command, this)
    const { changes } = this.store
    this.instead = undefined
    const value = run(command, this)
    if (this.store.changes !== changes) file.append(this.instead ?? command)
    return value
  }

  /** A command that cannot be spoils those around it that were to be carried out together, and `EXEC` all of them. */
  private reject(row: Named | undefined, reason: Resp.SimpleError): Resp.Value {
    if (row?.name === "exec") {
      this.transaction = undefined
      return error(`EXECABORT Transaction discarded because of: ${reason.message.slice("ERR ".length)}`)
    }
    if (this.transaction !== undefined) this.transaction.aborted = true
    return reason
  }

  private enqueue(transaction: Transaction, row: Named, command: Resp.Command): Resp.Value {
    return transaction.add(row, command) ? queued : this.reject(row, tooMany)
  }
}

const tooMany = error("ERR too many bytes between MULTI and EXEC")
const notWhileSubscribed = (name: string) =>
  error(
    `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
  )
