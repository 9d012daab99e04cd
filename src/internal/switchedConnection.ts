/** A connection that has switched, as whoever speaks its new protocol holds it. */
import type * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Connection, ConnectionStats, SendError } from "../Connection.ts"
import type { ConnectionClosed } from "../SluiceError.ts"
import type { Address, ProxiedBy, TlsDetails } from "../Transport.ts"
import type { Agreement } from "../Versions.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { InboundQueue } from "./inboundQueue.ts"
import { sinkOf, streamOf } from "./messageStream.ts"
import { Sender } from "./sender.ts"
import { startTls } from "./startTls.ts"

/** Messages are its own, all else is the one connection's. */
export class SwitchedConnection<In, Out> implements Connection<In, Out> {
  readonly core: ConnectionImpl<In, Out>
  readonly inbound: InboundQueue<In>
  readonly sender: Sender<Out>

  constructor(core: ConnectionImpl<In, Out>) {
    this.core = core
    this.inbound = core.inbound
    this.sender = new Sender(core)
  }

  get messages(): Stream.Stream<In, ConnectionClosed> {
    return streamOf(this.inbound)
  }

  get sink(): Sink.Sink<void, Out, never, SendError> {
    return sinkOf((messages) => this.sender.sendBatch(messages))
  }

  get send(): Connection<In, Out>["send"] {
    return this.sender.send
  }

  get sendAll(): Connection<In, Out>["sendAll"] {
    return this.sender.sendAll
  }

  get trySend(): Connection<In, Out>["trySend"] {
    return this.sender.trySend
  }

  get sendAwait(): Connection<In, Out>["sendAwait"] {
    return this.sender.sendAwait
  }

  get sendWith(): Connection<In, Out>["sendWith"] {
    return this.sender.sendWith
  }

  get switchProtocol(): Connection<In, Out>["switchProtocol"] {
    return (next, options) => this.core.switchFrom(this, next, options)
  }

  get startTls(): Connection<In, Out>["startTls"] {
    return (options) => startTls(this.core, this, options)
  }

  get id(): number {
    return this.core.id
  }

  get localAddress(): Address {
    return this.core.localAddress
  }

  get remoteAddress(): Address {
    return this.core.remoteAddress
  }

  get proxy(): ProxiedBy | undefined {
    return this.core.proxy
  }

  get tls(): TlsDetails | undefined {
    return this.core.tls
  }

  get end(): Effect.Effect<void> {
    return this.core.end
  }

  get close(): Effect.Effect<void> {
    return this.core.close
  }

  get abort(): Effect.Effect<void> {
    return this.core.abort
  }

  get closed(): Connection<In, Out>["closed"] {
    return this.core.closed
  }

  get draining(): Effect.Effect<void> {
    return this.core.draining
  }

  get isDraining(): boolean {
    return this.core.isDraining
  }

  get setDeadline(): Connection<In, Out>["setDeadline"] {
    return this.core.setDeadline
  }

  get extendDeadline(): Connection<In, Out>["extendDeadline"] {
    return this.core.extendDeadline
  }

  get runAfter(): Connection<In, Out>["runAfter"] {
    return this.core.runAfter
  }

  get runEvery(): Connection<In, Out>["runEvery"] {
    return this.core.runEvery
  }

  get runAt(): Connection<In, Out>["runAt"] {
    return this.core.runAt
  }

  get agreed(): Agreement | undefined {
    return this.core.agreed
  }

  get attributes(): Connection<In, Out>["attributes"] {
    return this.core.attributes
  }

  get fork(): Connection<In, Out>["fork"] {
    return this.core.fork
  }

  get stats(): ConnectionStats {
    return this.core.stats
  }
}
