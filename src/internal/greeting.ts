/** The hello of one connection: what it says, what it hears, and whether the two go together. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CloseReason } from "../CloseReason.ts"
import { VersionMismatch } from "../SluiceError.ts"
import type { Agreement, Hello } from "../Versions.ts"
import { decodeUtf8 } from "./bytes.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { Signal } from "./signal.ts"
import { maxHelloLength } from "./versions.ts"

/** What connections share of one of their codecs. */
type CodecFields<In, Out> = Pick<
  ConnectionShared<In, Out>,
  "decode" | "encode" | "decodeNow" | "encodeNow" | "views" | "identity" | "identityOut"
>

/** How the connections of a server or client begin. */
export interface GreetingPlan<In, Out> {
  readonly side: "server" | "client"
  readonly hello: Hello
  readonly payload: Uint8Array
  /** Where in a frame the text begins. */
  readonly offset: number
  /** The codecs besides the protocol's own, by name. */
  readonly codecs: ReadonlyMap<string, CodecFields<In, Out>>
  /** What connections share once they have agreed on one of those; made when the first does. */
  readonly variants: Map<string, ConnectionShared<In, Out>>
}

const HelloText = Schema.fromJsonString(
  Schema.Struct({
    protocol: Schema.String,
    version: Schema.Finite,
    accepts: Schema.Array(Schema.Finite),
    codecs: Schema.Array(Schema.String)
  })
)
const decodeHello = Schema.decodeUnknownResult(HelloText)

/** What a frame says, if it is a hello. */
export const readHello = (payload: Uint8Array): Hello | undefined => {
  const text = payload.length > maxHelloLength ? undefined : decodeUtf8(payload)
  const decoded = text === undefined ? undefined : decodeHello(text)
  return decoded !== undefined && Result.isSuccess(decoded) ? decoded.success : undefined
}

/** Both ends come to the same answer. */
export const agree = (
  side: "server" | "client",
  ours: Hello,
  theirs: Hello
): Agreement | Exclude<VersionMismatch["reason"], "hello"> => {
  if (ours.protocol !== theirs.protocol) return "protocol"
  if (!ours.accepts.includes(theirs.version) || !theirs.accepts.includes(ours.version)) return "version"
  const [client, server] = side === "client" ? [ours, theirs] : [theirs, ours]
  const codec = client.codecs.find((name) => server.codecs.includes(name))
  return codec === undefined ? "codec" : { version: ours.version, peerVersion: theirs.version, codec }
}

export class Greeting<In, Out> {
  /** Why the two do not go together. */
  mismatch: VersionMismatch | undefined
  private readonly connection: ConnectionImpl<In, Out>
  private readonly plan: GreetingPlan<In, Out>
  private readonly over = new Signal()

  constructor(connection: ConnectionImpl<In, Out>, plan: GreetingPlan<In, Out>) {
    this.connection = connection
    this.plan = plan
  }

  /** Sends our hello, which goes before everything else. */
  say(): void {
    // The protocol has tried whether its framing carries it.
    this.connection.outbound.offerLast(this.plan.payload)
  }

  /** The first frames of the peer. Returns those behind its hello, in the protocol that was agreed on. */
  hear(frames: Array<Uint8Array>): Array<Uint8Array> {
    const { codecs, hello, offset, side, variants } = this.plan
    const [first, ...rest] = frames
    const theirs = first && readHello(first.subarray(offset))
    const agreement = theirs === undefined ? "hello" : agree(side, hello, theirs)
    const { connection } = this
    if (typeof agreement === "string") {
      const error = new VersionMismatch({ connection: connection.id, reason: agreement, ours: hello, theirs })
      this.mismatch = error
      connection.closeWith(CloseReason.Refused({ reason: "version", error }))
      return []
    }
    const fields = codecs.get(agreement.codec)
    if (fields !== undefined) {
      const variant = variants.get(agreement.codec) ?? { ...connection.shared, ...fields }
      variants.set(agreement.codec, variant)
      connection.shared = variant
    }
    connection.agreed = agreement
    connection.greeting = undefined
    this.over.fire()
    return rest
  }

  /** The connection ends, and nothing was agreed on. */
  end(): void {
    this.over.fire()
  }

  /** Waits for the peer's hello; says whether the two agreed. */
  awaitOutcome(): Effect.Effect<boolean> {
    return Effect.callback<boolean>((resume) => {
      const cancel = this.over.onFire(() => resume(Exit.succeed(this.connection.agreed !== undefined)))
      return Effect.sync(cancel)
    })
  }
}
