/** One message to many: encoded once for each protocol, offered to everybody, waited for by nobody. */
import * as Effect from "effect/Effect"
import type { BroadcastResult } from "../Connections.ts"
import type { Policy } from "../Outbound.ts"
import type { CodecError, PayloadError } from "../SluiceError.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { encodeFrame } from "./encodeFrame.ts"
import { forEachEager } from "./forEachEager.ts"
import { keyOf, offerFrame } from "./outboundPolicy.ts"
import { SharedFrames } from "./sharedFrames.ts"

/** A member, with what it was when it joined. */
export interface Addressee<in Message> {
  readonly connection: ConnectionImpl<unknown, unknown>
  readonly shared: ConnectionShared<unknown, unknown>
  /** What its protocol has for the message; undefined where that is the message itself. */
  readonly as: ((message: Message) => unknown) | undefined
  readonly policy: Policy<Message>
}

/** The frame of those who share a protocol and a rendering. */
interface Edition<Message> {
  readonly shared: Addressee<Message>["shared"]
  readonly as: Addressee<Message>["as"]
  frame: SharedFrames
}

type EncodeError = CodecError | PayloadError

export const sendToEach = <Message>(
  addressees: ReadonlyArray<Addressee<Message>>,
  message: Message,
  policy: Policy<Message> | undefined
): Effect.Effect<BroadcastResult, EncodeError> => {
  const editions = new Editions<Message>()
  for (const addressee of addressees) editions.of(addressee)
  const printed = forEachEager(editions.all, (edition) => print(edition, message))
  return Effect.mapEager(printed, () => deliver(addressees, editions, message, policy))
}

const print = <Message>(edition: Edition<Message>, message: Message): Effect.Effect<void, EncodeError> => {
  const { as, shared } = edition
  return Effect.mapEager(encodeFrame(shared, as === undefined ? message : as(message)), (frame) => {
    edition.frame = new SharedFrames(frame)
  })
}

const deliver = <Message>(
  addressees: ReadonlyArray<Addressee<Message>>,
  editions: Editions<Message>,
  message: Message,
  override: Policy<Message> | undefined
): BroadcastResult => {
  const delivered: Array<number> = []
  const failed: Array<BroadcastResult["failed"][number]> = []
  let policy: Policy<Message> | undefined
  let key: unknown
  for (const addressee of addressees) {
    const { connection } = addressee
    const under = override ?? addressee.policy
    if (under !== policy) {
      policy = under
      key = keyOf(under, message)
    }
    // One that speaks another protocol by now, or not yet its own, would take the bytes for something else.
    const offer =
      connection.shared === addressee.shared && connection.greeting === undefined
        ? offerFrame(connection, under, key, editions.of(addressee).frame)
        : "closed"
    if (offer === "queued") delivered.push(connection.id)
    else failed.push({ id: connection.id, reason: offer })
  }
  return { delivered, failed }
}

const nothing = new SharedFrames(new Uint8Array(0))

class Editions<Message> {
  readonly all: Array<Edition<Message>> = []
  private readonly index = new Map<
    Edition<Message>["shared"],
    Map<Edition<Message>["as"], Edition<Message>>
  >()
  private last: Edition<Message> | undefined

  of({ as, shared }: Addressee<Message>): Edition<Message> {
    // Mostly all have the same.
    if (this.last !== undefined && this.last.shared === shared && this.last.as === as) return this.last
    let ofShared = this.index.get(shared)
    if (ofShared === undefined) {
      ofShared = new Map()
      this.index.set(shared, ofShared)
    }
    let edition = ofShared.get(as)
    if (edition === undefined) {
      edition = { shared, as, frame: nothing }
      ofShared.set(as, edition)
      this.all.push(edition)
    }
    this.last = edition
    return edition
  }
}
