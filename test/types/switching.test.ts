/** What the compiler knows of a connection that switches its protocol. */
import { Context, type Effect } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import type * as Codec from "../../src/Codec.ts"
import type { Connection, StartedTls } from "../../src/Connection.ts"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import type { ConnectionClosed, InvalidConfig } from "../../src/SluiceError.ts"

class Decoding extends Context.Service<Decoding, {}>()("test/switching/Decoding") {}
class Encoding extends Context.Service<Encoding, {}>()("test/switching/Encoding") {}

declare const command: Codec.Codec<{ readonly command: string }, Decoding, never>
declare const reply: Codec.Codec<{ readonly reply: number }, never, Encoding>

const Next = () => Protocol.make("Next", { framing: Framing.lines(), fromClient: command, fromServer: reply })

declare const plain: Connection<string, string>

type Switch<A, R> = Effect.Effect<A, ConnectionClosed | InvalidConfig, R>

describe("the types of a switch", () => {
  it("a server's connection reads what clients send, and needs what that takes", () => {
    const onServer = () => plain.switchProtocol(Next())
    expectTypeOf<ReturnType<typeof onServer>>().toEqualTypeOf<
      Switch<Connection<{ readonly command: string }, { readonly reply: number }>, Decoding | Encoding>
    >()
  })

  it("a client's flips the protocol, and the messages with it", () => {
    const onClient = () => plain.switchProtocol(Protocol.flip(Next()))
    expectTypeOf<ReturnType<typeof onClient>>().toEqualTypeOf<
      Switch<Connection<{ readonly reply: number }, { readonly command: string }>, never>
    >()
  })

  it("options speak of the next protocol's messages", () => {
    const options = () => [
      plain.switchProtocol(Next(), { onMessageError: () => ({ reply: 1 }) }),
      // @ts-expect-error: the reply is of the old protocol
      plain.switchProtocol(Next(), { onMessageError: () => "no" })
    ]
    expectTypeOf(options).returns.toBeArray()
  })

  it("switchable and its protocol have the same type", () => {
    const make = () => Protocol.switchable(Next())
    expectTypeOf<ReturnType<typeof make>>().toEqualTypeOf<ReturnType<typeof Next>>()
  })

  it("startTls is for a server or a client, and its last word is a message", () => {
    const starts = () => [
      plain.startTls({ server: {}, ready: "go" }),
      plain.startTls({ client: { servername: "localhost" } }),
      // @ts-expect-error: not both
      plain.startTls({ server: {}, client: {} }),
      // @ts-expect-error: no message of the protocol
      plain.startTls({ server: {}, ready: 1 })
    ]
    expectTypeOf<Effect.Success<ReturnType<typeof starts>[number]>>().toEqualTypeOf<StartedTls>()
  })
})
