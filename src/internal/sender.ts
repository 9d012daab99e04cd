/** The sending side of one connection: messages to frames to the outbound queue. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ByteWriter } from "../ByteWriter.ts"
import type { Connection, SendError } from "../Connection.ts"
import type { Policy, Sent } from "../Outbound.ts"
import { type CodecError, MessageError, type PayloadError } from "../SluiceError.ts"
import { Detour } from "./codec/direct.ts"
import { codecError } from "./codec/schemaCodec.ts"
import { forEachEager } from "./forEachEager.ts"
import type { Offer } from "./outboundHost.ts"
import { evictsOrReplaces, keyOf, offerApart, type PolicyHost, refuse } from "./outboundPolicy.ts"
import type { OutboundQueue } from "./outboundQueue.ts"
import { settled } from "./settled.ts"
import type { Signal } from "./signal.ts"

/** What sending needs of its connection. */
interface Host<Out> extends PolicyHost {
  readonly id: number
  readonly shared: {
    readonly encode: (message: Out) => Effect.Effect<Uint8Array, CodecError>
    readonly encodeNow: (message: Out, out: ByteWriter) => Detour<Uint8Array> | undefined
    /** Whether messages are payloads already. */
    readonly identityOut: boolean
    readonly messageFrames: boolean
    readonly outboundPolicy: Policy<Out>
  }
  readonly gone: Signal
  readonly closedError: () => SendError
}

type Send<Out> = Connection<never, Out>["send"]
type SendAll<Out> = Connection<never, Out>["sendAll"]

/**
 * A message is encoded by its sender, which therefore learns of it where that fails, and lies in the queue as bytes.
 *
 * Its methods are handed around as functions (`Stream.runForEach(messages, connection.send)`), so they are bound, each
 * when it is first asked for: an idle connection holds none of them.
 */
export class Sender<Out> {
  private host: Host<Out>
  private encoded = 0
  private boundSend: Send<Out> | undefined
  private boundSendAll: SendAll<Out> | undefined

  constructor(host: Host<Out>) {
    this.host = host
  }

  get send(): Send<Out> {
    this.boundSend ??= this.bindSend()
    return this.boundSend
  }

  private bindSend(): Send<Out> {
    const policy = this.ownPolicy
    return policy === undefined
      ? (message) => Effect.suspend(() => this.sendNow(message))
      : (message) => Effect.asVoid(Effect.suspend(() => this.sendUnder(message, policy)))
  }

  get sendAll(): SendAll<Out> {
    const policy = this.ownPolicy
    this.boundSendAll ??=
      policy === undefined
        ? (messages) => Effect.suspend(() => this.sendFrom(messages, 0, false))
        : (messages) => forEachEager(messages, (message) => this.sendUnder(message, policy))
    return this.boundSendAll
  }

  /** The same for who runs its result in the very call that makes it: it sends at once what need not wait. */
  sendBatch(messages: ReadonlyArray<Out>): Effect.Effect<void, SendError> {
    return this.ownPolicy === undefined ? this.sendFrom(messages, 0, false) : this.sendAll(messages)
  }

  get sendWith(): Connection<never, Out>["sendWith"] {
    return (message, policy) => Effect.suspend(() => this.sendUnder(message, policy))
  }

  /** Sends nothing more, what waits for room included, and fails with `error`: the connection speaks another protocol. */
  leave(outbound: OutboundQueue, issue: CodecError): void {
    const { gone, id, outboundDropped, shared, slowConsumer } = this.host
    const closedError = () => this.outboundError(this.encoded, issue)
    this.host = { id, shared, outbound, gone, closedError, outboundDropped, slowConsumer }
  }

  /** The policy of all messages, where it is not to wait. */
  private get ownPolicy(): Policy<Out> | undefined {
    const { outboundPolicy } = this.host.shared
    return outboundPolicy._tag === "Suspend" ? undefined : outboundPolicy
  }

  get trySend(): Connection<never, Out>["trySend"] {
    return (message) =>
      Effect.suspend(() => {
        const policy = this.host.shared.outboundPolicy
        const key = keyOf(policy, message)
        return Effect.flatMapEager(this.encode(message), (payload) => {
          const offer = this.offer(payload, policy, key, false)
          if (offer !== "full") return Exit.map(this.outcome(offer), () => true)
          // Who would have to wait has the message still.
          return waits(policy) ? Exit.succeed(false) : Exit.map(this.refuse(payload, policy), () => false)
        })
      })
  }

  private sendUnder<Message extends Out>(
    message: Message,
    policy: Policy<Message>
  ): Effect.Effect<Sent, SendError> {
    const key = keyOf(policy, message)
    return Effect.flatMapEager(this.encode(message), (payload) => this.place(payload, policy, key, false))
  }

  private place<Message>(
    payload: Uint8Array,
    policy: Policy<Message>,
    key: unknown,
    admitted: boolean
  ): Effect.Effect<Sent, SendError> {
    const offer = this.offer(payload, policy, key, admitted)
    if (offer !== "full") return Exit.map(this.outcome(offer), (): Sent => "queued")
    return waits(policy)
      ? Effect.flatMap(this.host.outbound.awaitRoom(), () => this.place(payload, policy, key, true))
      : this.refuse(payload, policy)
  }

  private offer<Message>(
    payload: Uint8Array,
    policy: Policy<Message>,
    key: unknown,
    admitted: boolean
  ): Offer {
    const { outbound } = this.host
    if (!evictsOrReplaces(policy, key)) return outbound.offer(payload, admitted)
    const frame = outbound.frame(payload)
    return frame instanceof Uint8Array ? offerApart(outbound, policy, key, frame, admitted) : frame
  }

  private refuse<Message>(payload: Uint8Array, policy: Policy<Message>): Exit.Exit<Sent, SendError> {
    refuse(this.host, policy, this.lengthOf(payload))
    return policy._tag === "Disconnect" ? Exit.fail(this.host.closedError()) : Exit.succeed("dropped")
  }

  /** Messages that delimit themselves are their payloads and do not say how long they are. */
  private lengthOf(payload: Uint8Array): number {
    if (!this.host.shared.messageFrames) return payload.length
    const frame = this.host.outbound.frame(payload)
    return frame instanceof Uint8Array ? frame.length : 0
  }

  get sendAwait(): Send<Out> {
    return (message) => Effect.flatMap(this.send(message), () => this.awaitWritten())
  }

  /** The payload of a message that is sent in a way of its own. */
  payloadOf(message: Out): Effect.Effect<Uint8Array, MessageError> {
    return Effect.suspend(() => this.encode(message))
  }

  /** What became of an offer of such a payload. */
  outcome(offer: Exclude<Offer, "full">): Exit.Exit<void, SendError> {
    if (offer === "queued") return Exit.void
    if (offer === "closed") return Exit.fail(this.host.closedError())
    return Exit.fail(this.outboundError(this.encoded - 1, offer))
  }

  /** Sends a message behind all others however full the queue is, for a last word. */
  sendLast(message: Out): Effect.Effect<void, SendError> {
    return Effect.flatMapEager(this.encode(message), (payload) =>
      this.outcome(this.host.outbound.offerLast(payload))
    )
  }

  private encode(message: Out): Effect.Effect<Uint8Array, MessageError> {
    const index = this.encoded++
    try {
      return Effect.mapErrorEager(this.host.shared.encode(message), (issue) =>
        this.outboundError(index, issue)
      )
    } catch (defect) {
      return Exit.fail(this.outboundError(index, codecError("codec", String(defect))))
    }
  }

  /** Encodes a message into the queue, or else its payload, to be offered. */
  private write(message: Out, admitted: boolean): Effect.Effect<Uint8Array, MessageError> | undefined {
    const { outbound, shared } = this.host
    let written: ReturnType<typeof outbound.offerWritten<Out, Detour<Uint8Array>>>
    try {
      written = outbound.offerWritten(message, shared.encodeNow, admitted)
    } catch (defect) {
      return Exit.fail(this.outboundError(this.encoded++, codecError("codec", String(defect))))
    }
    if (written === undefined || typeof written === "string") {
      if (written !== "queued") return this.encode(message)
      this.encoded++
      return undefined
    }
    const index = this.encoded++
    return written instanceof Detour
      ? Effect.mapErrorEager(written.effect, (issue) => this.outboundError(index, issue))
      : Exit.fail(this.outboundError(index, written))
  }

  private payload(message: Out): Uint8Array {
    this.encoded++
    // Only with the codec whose messages are payloads.
    return message as unknown as Uint8Array
  }

  /** Messages that are payloads, many at once. Returns the first that has to go alone. */
  private sendPayloads(messages: ReadonlyArray<Out>, from: number, admitted: boolean): number {
    // Only with the codec whose messages are payloads.
    const payloads = messages as ReadonlyArray<unknown> as ReadonlyArray<Uint8Array>
    const next = this.host.outbound.offerAll(payloads, from, admitted)
    this.encoded += next - from
    return next
  }

  private outboundError(index: number, issue: CodecError | PayloadError): MessageError {
    return new MessageError({ connection: this.host.id, direction: "outbound", index, issue, excerpt: "" })
  }

  private sendNow(message: Out): Effect.Effect<void, SendError> {
    if (this.host.shared.identityOut) return this.sendPayload(this.payload(message), false)
    const payload = this.write(message, false)
    if (payload === undefined) return Exit.void
    const exit = settled(payload)
    return exit !== undefined && Exit.isSuccess(exit)
      ? this.sendPayload(exit.value, false)
      : Effect.flatMap(payload, (bytes) => this.sendPayload(bytes, false))
  }

  private sendPayload(payload: Uint8Array, admitted: boolean): Effect.Effect<void, SendError> {
    const offer = this.host.outbound.offer(payload, admitted)
    return offer === "full"
      ? Effect.flatMap(this.host.outbound.awaitRoom(), () => this.sendPayload(payload, true))
      : this.outcome(offer)
  }

  /** A batch, from its message at `from` on. Only what has to wait becomes an effect. */
  private sendFrom(
    messages: ReadonlyArray<Out>,
    from: number,
    admitted: boolean
  ): Effect.Effect<void, SendError> {
    const { outbound, shared } = this.host
    const first = shared.identityOut ? this.sendPayloads(messages, from, admitted) : from
    for (let i = first; i < messages.length; i++) {
      // Within the bounds, see the loop.
      const message = messages[i] as Out
      let payload: Uint8Array
      if (shared.identityOut) {
        payload = this.payload(message)
      } else {
        const encoding = this.write(message, admitted || i > from)
        if (encoding === undefined) continue
        const exit = settled(encoding)
        if (exit === undefined) {
          return Effect.flatMap(encoding, (bytes) =>
            Effect.flatMap(this.sendPayload(bytes, admitted || i > from), () =>
              this.sendFrom(messages, i + 1, true)
            )
          )
        }
        if (Exit.isFailure(exit)) return Exit.failCause(exit.cause)
        payload = exit.value
      }
      const offer = outbound.offer(payload, admitted || i > from)
      if (offer === "full") {
        return Effect.flatMap(outbound.awaitRoom(), () =>
          Effect.flatMap(this.sendPayload(payload, true), () => this.sendFrom(messages, i + 1, true))
        )
      }
      if (offer !== "queued") return this.outcome(offer)
    }
    return Exit.void
  }

  /** Completes once the kernel has all that was sent so far; fails where the wire breaks before. */
  private awaitWritten(): Effect.Effect<void, SendError> {
    return Effect.callback<void, SendError>((resume) => {
      const { gone, outbound } = this.host
      const cancel = gone.onFire(() => resume(Exit.fail(this.host.closedError())))
      if (gone.fired) return undefined
      outbound.onceWritten(() => {
        cancel()
        resume(Exit.void)
      })
      return Effect.sync(cancel)
    })
  }
}

/** Whether a message without room waits for it. */
const waits = <Message>(policy: Policy<Message>): boolean =>
  policy._tag === "Suspend" || policy._tag === "Conflate"
