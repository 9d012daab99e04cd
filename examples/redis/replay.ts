/** The commands of a file, one after the other. */
import { Data, Effect, type FileSystem, Option } from "effect"
import { ByteWriter, type Resp } from "effect-sluice"
import { commandCodec } from "./protocol.ts"

/** Bytes within the file that no crash leaves: somebody else has written them. */
export class BadFile extends Data.TaggedError("BadFile")<{
  readonly path: string
  readonly offset: number
  readonly detail: string
}> {
  override get message(): string {
    return `${this.path} is no file of commands from byte ${this.offset} on: ${this.detail}`
  }
}

const pieceLength = 65_536

/**
 * Hands out the commands of a file; those between `MULTI` and `EXEC` once the latter is there. Returns where the last
 * whole one ends, and how many bytes lie behind.
 */
export const replay = Effect.fnUntraced(function* (
  path: string,
  file: FileSystem.File,
  apply: (command: Resp.Command) => void
) {
  const decoder = commandCodec.wire.makeDecoder()
  const measure = new ByteWriter.ByteWriter()
  let together: Array<Resp.Command> | undefined
  let commands = 0
  let read = 0
  let at = 0
  let length = 0

  const take = (command: Resp.Command): void => {
    measure.truncate(0)
    commandCodec.wire.encode(command, measure)
    at += measure.length
    const name = command.latin1(0)
    if (name === "MULTI") together = []
    else if (together === undefined) apply(command)
    else if (name !== "EXEC") together.push(command)
    else {
      for (const each of together) apply(each)
      together = undefined
    }
    if (together === undefined) length = at
    commands++
  }

  for (;;) {
    const piece = yield* file.readAlloc(pieceLength)
    if (Option.isNone(piece)) break
    read += piece.value.length
    const found: Array<Resp.Command> = []
    const error = decoder.push(piece.value, found)
    for (const command of found) take(command)
    if (error !== undefined) return yield* new BadFile({ path, offset: at, detail: error.message })
  }
  if (at + decoder.buffered !== read) {
    return yield* new BadFile({ path, offset: at, detail: "it was not written by this program" })
  }
  return { commands, cut: read - length, length }
})
