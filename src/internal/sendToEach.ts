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

/** A connection of whatever protocol. */
export type Peer = ConnectionImpl<unknown, unknown>

/** A member, with what it was when it joined. */
export interface Addressee<in Message> {
  readonly connection: Peer
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
  const mailing = new Mailing(message)
  const editions = addressees.map(({ as, shared }) => mailing.edition(shared, as))
  return Effect.mapEager(mailing.print(), () => {
    for (let i = 0; i < editions.length; i++) {
      const { connection, policy: own } = addressees[i]!
      mailing.offer(connection, editions[i]!, policy ?? own)
    }
    return mailing.result
  })
}

/** The same to connections that take the message as it is, under one policy. */
export const sendToAll = <Message>(
  connections: ReadonlyArray<Peer>,
  message: Message,
  policy: Policy<Message>
): Effect.Effect<BroadcastResult, EncodeError> => {
  const mailing = new Mailing(message)
  const editions = connections.map(({ shared }) => mailing.edition(shared, undefined))
  return Effect.mapEager(mailing.print(), () => {
    for (let i = 0; i < editions.length; i++) mailing.offer(connections[i]!, editions[i]!, policy)
    return mailing.result
  })
}

class Mailing<Message> {
  private readonly message: Message
  private readonly editions: Array<Edition<Message>> = []
  private readonly index = new Map<
    Edition<Message>["shared"],
    Map<Edition<Message>["as"], Edition<Message>>
  >()
  private last: Edition<Message> | undefined
  private policy: Policy<Message> | undefined
  private key: unknown
  private readonly delivered: Array<number> = []
  private readonly failed: Array<BroadcastResult["failed"][number]> = []

  constructor(message: Message) {
    this.message = message
  }

  get result(): BroadcastResult {
    return { delivered: this.delivered, failed: this.failed }
  }

  edition(shared: Edition<Message>["shared"], as: Edition<Message>["as"]): Edition<Message> {
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
      this.editions.push(edition)
    }
    this.last = edition
    return edition
  }

  print(): Effect.Effect<void, EncodeError> {
    const { message } = this
    return forEachEager(this.editions, (edition) => {
      const { as, shared } = edition
      return Effect.mapEager(encodeFrame(shared, as === undefined ? message : as(message)), (frame) => {
        edition.frame = new SharedFrames(frame)
      })
    })
  }

  offer(connection: Peer, { frame, shared }: Edition<Message>, policy: Policy<Message>): void {
    if (policy !== this.policy) {
      this.policy = policy
      this.key = keyOf(policy, this.message)
    }
    // One that speaks another protocol by now, or not yet its own, would take the bytes for something else.
    const offer =
      connection.shared === shared && connection.greeting === undefined
        ? offerFrame(connection, policy, this.key, frame)
        : "closed"
    if (offer === "queued") this.delivered.push(connection.id)
    else this.failed.push({ id: connection.id, reason: offer })
  }
}

const nothing = new SharedFrames(new Uint8Array(0))
