/** Requests and replies of one connection, in both directions. */

import type { ConnectionClosed } from "../SluiceError.ts"
import { Answerer } from "./answerer.ts"
import { Asker, type AskSettings } from "./asker.ts"
import { UnknownMessage } from "./codec/tagged.ts"
import type { ConnectionImpl } from "./connection.ts"
import { fieldOf, type RequestPlan, tagOf } from "./requestPlan.ts"

/**
 * Replies and cancels are taken out before the inbound queue, so that a handler may wait for a reply while messages
 * wait for the handler.
 */
export class Exchange<In, Out> {
  readonly plan: RequestPlan
  readonly asker: Asker<In, Out>
  /** There once somebody answers. */
  answerer: Answerer<In, Out> | undefined
  private readonly connection: ConnectionImpl<In, Out>

  constructor(connection: ConnectionImpl<In, Out>, plan: RequestPlan, settings: AskSettings) {
    this.connection = connection
    this.plan = plan
    this.asker = new Asker(connection, plan, settings)
  }

  get holding(): boolean {
    return this.asker.holding
  }

  /** Bytes of replies that wait to be taken. */
  get held(): number {
    return this.asker.held
  }

  /** From now on requests of the other end are known by their ids. */
  answering(): Answerer<In, Out> {
    this.answerer ??= new Answerer(this.connection, this.plan)
    return this.answerer
  }

  /** Whether a message, decoded from so many bytes, is not for the handler. */
  takes(message: In, bytes: number): boolean {
    if (message instanceof UnknownMessage) return false
    const tag = tagOf(message)
    if (tag === undefined) return false
    const { answerer, plan } = this
    if (plan.replies.has(tag)) {
      this.asker.reply(tag, message, bytes)
      return true
    }
    if (answerer === undefined) return false
    if (plan.cancels.has(tag)) {
      answerer.cancel(fieldOf(message, plan.field))
      return true
    }
    if (plan.answers[tag] === undefined) return false
    // While the server stops only replies are read; nobody would answer this.
    return this.connection.inbound.over || !answerer.admit(fieldOf(message, plan.field), message)
  }

  /** Nothing comes any more: no reply to what was asked. */
  inputOver(error: ConnectionClosed): void {
    this.asker.end(error)
  }

  /** The connection is over: nobody hears an answer either. */
  over(error: ConnectionClosed): void {
    this.asker.end(error)
    this.answerer?.stop()
  }
}
