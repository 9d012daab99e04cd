/** How RPC messages become frames, on either end. */
import type * as Deferred from "effect/Deferred"
import { ByteWriter } from "../ByteWriter.ts"
import * as Codec from "../Codec.ts"
import type { Connection } from "../Connection.ts"
import * as Framing from "../Framing.ts"
import * as Protocol from "../Protocol.ts"

export type Bytes = Uint8Array
export type Peer = Connection<Bytes, Bytes>

/** How messages become bytes, and the other way. */
export interface Parser {
  readonly encode: (message: unknown) => Bytes | string | undefined
  readonly decode: (bytes: Bytes) => ReadonlyArray<unknown>
}

/** A client of the server. */
export interface Caller {
  readonly connection: Peer
  readonly parser: Parser
  readonly calls: Set<string | number>
  /** All that was asked is answered, after the end of the asking. */
  readonly answered: Deferred.Deferred<void>
  receiving: boolean
  draining: boolean
  /** No more calls are taken. */
  ended: boolean
}

const empty = new Uint8Array(0)

/** An empty frame of the client is a ping, one of the server its pong: no serialized message is empty. */
const beat = { make: () => empty, is: (frame: Bytes) => frame.length === 0 }

/** The protocol of a framing, with a heartbeat where the framing has empty frames. */
export const rpcProtocol = (framing: Framing.Framing = Framing.lengthPrefixed()) => {
  const protocol = Protocol.make("Rpc", { framing, fromClient: Codec.bytes, fromServer: Codec.bytes })
  const writer = new ByteWriter()
  const framesNothing = framing.encode(empty, writer) === undefined && writer.length > 0
  return framesNothing
    ? Protocol.heartbeat(protocol, { fromClient: { ping: beat }, fromServer: { pong: beat } })
    : protocol
}

/** The bytes of a message; undefined where it has none yet. What cannot be serialized dies, and becomes a defect. */
export const encode = (parser: Parser, message: unknown): Bytes | undefined => {
  const encoded = parser.encode(message)
  return typeof encoded === "string" ? new TextEncoder().encode(encoded) : encoded
}
