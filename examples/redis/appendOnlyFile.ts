/**
 * A file of every command that has changed something, from which the next start makes the same keys.
 *
 * Commands are collected while a turn lasts and written together; whoever answers waits until the file has what it
 * answers for, so that no answer is lost that a client has seen. What having it means, the policy says: `always`, it is
 * on the disk; `everysec` and `no`, the system has it, which outlives this process, and brings it to the disk within a
 * second, or when it likes.
 */
import { Deferred, Effect, FileSystem, type PlatformError, Schedule, Semaphore } from "effect"
import { ByteWriter, Resp } from "effect-sluice"
import { commandCodec } from "./protocol.ts"
import { replay } from "./replay.ts"

export type Policy = "always" | "everysec" | "no"

const multi = Resp.command("MULTI")
const exec = Resp.command("EXEC")

export class AppendOnlyFile {
  /** Ends with the failure after which nothing can be kept any more. */
  readonly failed = Deferred.makeUnsafe<never, PlatformError.PlatformError>()
  private readonly file: FileSystem.File
  private readonly policy: Policy
  private readonly turn = Semaphore.makeUnsafe(1)
  private readonly waiting = new ByteWriter.ByteWriter()
  private writing = false
  /** Whether the system has what the disk may not have. */
  private unsynced = false
  /** Between `begin` and `commit`, and whether something was appended since. */
  private together: "no" | "begun" | "some" = "no"

  constructor(file: FileSystem.File, policy: Policy) {
    this.file = file
    this.policy = policy
  }

  append(command: Resp.Command): void {
    if (this.together === "begun") {
      this.together = "some"
      this.append(multi)
    }
    // Somebody sent it, or this program made it: it is within the bounds.
    commandCodec.wire.encode(command, this.waiting)
  }

  /** What is appended from here to `commit` is carried out together, or not at all. */
  begin(): void {
    this.together = "begun"
  }

  commit(): void {
    if (this.together === "some") this.append(exec)
    this.together = "no"
  }

  /** Whether the file has everything. */
  get settled(): boolean {
    return this.waiting.length === 0 && !this.writing
  }

  /** Returns when the file has all that was appended so far. Those who come meanwhile are written together. */
  get settle(): Effect.Effect<void> {
    return this.turn.withPermit(Effect.suspend(() => (this.settled ? Effect.void : this.write)))
  }

  /** Brings to the disk, now and then, what the system has. */
  get syncEverySecond(): Effect.Effect<void> {
    const sync = Effect.suspend(() => {
      if (!this.unsynced) return Effect.void
      this.unsynced = false
      return this.file.sync
    })
    return Effect.ignore(Effect.repeat(this.guarded(sync), Schedule.spaced("1 second")))
  }

  /** Not to be cut short: half a command is none. */
  private get write(): Effect.Effect<void> {
    const write = Effect.suspend(() => {
      this.writing = true
      this.unsynced = true
      return this.file.writeAll(this.waiting.take())
    })
    const kept = this.policy === "always" ? Effect.andThen(write, this.file.sync) : write
    return Effect.uninterruptible(
      Effect.map(this.guarded(kept), () => {
        this.writing = false
      })
    )
  }

  /** A failure is the program's end, and until then nobody gets an answer that might not hold. */
  private guarded<A>(effect: Effect.Effect<A, PlatformError.PlatformError>): Effect.Effect<A> {
    return Effect.catch(effect, (error) => Effect.andThen(Deferred.fail(this.failed, error), Effect.never))
  }
}

/**
 * Opens the file and carries out what is in it. What a crash has left unfinished at its end, a command or several that
 * were to be carried out together, is cut off.
 */
export const open = Effect.fnUntraced(function* (
  path: string,
  policy: Policy,
  apply: (command: Resp.Command) => void
) {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fs.open(path, { flag: "a+" })
  const { commands, cut, length } = yield* replay(path, file, apply)
  if (cut > 0) {
    yield* Effect.logWarning(`${path} ends within a command; cut off its last ${cut} bytes`)
    yield* file.truncate(length)
    yield* file.sync
  }
  yield* Effect.log(`${path}: ${commands} commands`)
  const appendOnly = new AppendOnlyFile(file, policy)
  if (policy === "everysec") yield* Effect.forkScoped(appendOnly.syncEverySecond)
  // What was answered for is on the disk at an orderly end.
  yield* Effect.addFinalizer(() => Effect.andThen(appendOnly.settle, Effect.ignore(file.sync)))
  return appendOnly
})
