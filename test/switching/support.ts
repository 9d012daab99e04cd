/** Two protocols that read the same bytes differently, and a server that goes from one to the other. */
import { Effect, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import type { Connection } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"

/** Lines, at most 32 bytes long. */
export const Plain = Protocol.switchable(
  Protocol.make("Plain", {
    framing: Framing.lines({ maxLength: 32 }),
    fromClient: Codec.utf8,
    fromServer: Codec.utf8
  })
)

/** A byte of length, then text. */
export const Counted = Protocol.make("Counted", {
  framing: Framing.lengthPrefixed({ width: 1, maxLength: 255 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

export const counted = (...texts: ReadonlyArray<string>): Buffer =>
  Buffer.concat(texts.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])))

/** Answers lines with lines, until one says SWITCH; then messages with messages. `seen` has all in order. */
export const switcher =
  (seen: Array<string>, onSwitched?: (connection: Connection<string, string>) => Effect.Effect<void>) =>
  (connection: Connection<string, string>) =>
    Handler.each((line: string, plain: Connection<string, string>) =>
      Effect.gen(function* () {
        seen.push(`plain ${line}`)
        yield* plain.send(`<${line}>`)
        if (line !== "SWITCH") return
        const next = yield* plain.switchProtocol(Counted)
        if (onSwitched !== undefined) yield* onSwitched(next)
        yield* Stream.runForEach(next.messages, (text) => {
          seen.push(`counted ${text}`)
          return next.send(`[${text}]`)
        })
      })
    )(connection)
