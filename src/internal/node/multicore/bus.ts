/** What joins a process with the others of its machine. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { NoAnswer } from "../../../SluiceError.ts"
import { Answers, type Question } from "./messages.ts"
import type { WorkerLink } from "./workerLink.ts"

export type GroupKey = string | number

/** A message from another process to the members of groups. */
export type Deliver = (keys: ReadonlyArray<GroupKey>, payload: Uint8Array) => void

export interface Asked {
  readonly answers: ReadonlyArray<{ readonly worker: number; readonly value: unknown }>
  readonly missing: ReadonlyArray<number>
}

export interface Bus {
  /** The number of this process. */
  readonly worker: number
  /** Messages that may wait on either way. */
  readonly maxMessages: number
  /** Hears of messages to groups, by the name of these, until what is returned is called. */
  readonly register: (groups: string, deliver: Deliver) => () => void
  /** Once it completes, what others send to the topic comes here. */
  readonly subscribe: (topic: string) => Effect.Effect<void, NoAnswer>
  readonly unsubscribe: (topics: ReadonlyArray<string>) => void
  /** Waits for room, for a while; false where there was none. */
  readonly publish: (
    groups: string,
    keys: ReadonlyArray<GroupKey>,
    payload: Uint8Array
  ) => Effect.Effect<boolean>
  /** Asks all other processes, or one. */
  readonly ask: (question: Question, to?: number) => Effect.Effect<Asked, NoAnswer>
}

/** The bus of a process that has no others beside it. */
export const aloneBus: Bus = {
  worker: 1,
  maxMessages: 1,
  register: () => () => {},
  subscribe: () => Effect.void,
  unsubscribe: () => {},
  publish: () => Effect.succeed(true),
  ask: () => Effect.succeed({ answers: [], missing: [] })
}

/** The bus of a worker goes through its supervisor. */
export const workerBus = (link: WorkerLink, answerTimeout: Duration.Duration): Bus => {
  const { maxMessages, worker } = link.identity
  return {
    worker,
    maxMessages,
    register: (groups, deliver) => {
      link.groups.set(groups, ({ keys, payload }) => deliver(keys, payload))
      return () => void link.groups.delete(groups)
    },
    subscribe: (topic) =>
      Effect.flatMap(link.ask({ _tag: "Subscribe", topic }, Schema.Boolean, answerTimeout), (accepted) =>
        accepted ? Effect.void : Effect.fail(new NoAnswer({ worker: 0, reason: "full" }))
      ),
    unsubscribe: (topics) => link.tell({ _tag: "Unsubscribe", topics }),
    publish: (groups, keys, payload) => {
      const offer = Effect.sync(() => link.offer({ _tag: "Publish", groups, keys, payload }, payload.length))
      const again: Effect.Effect<boolean> = Effect.flatMap(link.awaitRoom(), () => offer)
      return Effect.flatMap(offer, (sent) =>
        sent
          ? Effect.succeed(true)
          : Effect.timeoutOrElse(again, { duration: answerTimeout, orElse: () => Effect.succeed(false) })
      )
    },
    // The supervisor waits for the workers so long, and its answer has a way to go.
    ask: (question, to) =>
      link.ask({ _tag: "Ask", to, question }, Answers, Duration.sum(answerTimeout, Duration.seconds(1)))
  }
}
