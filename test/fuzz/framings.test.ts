/** Every kind of framing under a server: each mutated conversation is answered frame by frame, or closed. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { assault } from "./support/assault.ts"
import type { Tokens } from "./support/fuzz.ts"

const text = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

const subjects: Readonly<Record<string, { framing: Framing.Framing; conversations: ReadonlyArray<Tokens> }>> =
  {
    netstring: {
      framing: Framing.netstring({ maxLength: 100 }),
      conversations: [
        text("5", ":", "hello", ",", "0", ":", ",", "2", ":", "ab", ","),
        text("12", ":", "hello, world", ",", "100", ":", "x".repeat(100), ",")
      ]
    }
  }

describe.each(Object.entries(subjects))("%s", (name, { conversations, framing }) => {
  it.live("answers or closes", () =>
    Effect.gen(function* () {
      const protocol = Protocol.make(name, { framing, fromClient: Codec.bytes, fromServer: Codec.bytes })
      const server = yield* Server.make(
        protocol,
        Handler.map((frame) => frame)
      )
      const frames = (bytes: Uint8Array) => {
        const found: Array<Uint8Array> = []
        framing.makeDecoder().push(bytes, found)
        return Buffer.concat(found)
      }
      yield* assault({
        name,
        server,
        conversations,
        judge: ({ heard, sent }) =>
          frames(heard).equals(frames(sent)) ? undefined : `answered ${JSON.stringify(heard.toString())}`
      })
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))
  )
})
