/** What the server does with a client: the session's replies, and what they lead to. */
import { Effect } from "effect"
import { type CloseReason, type Connection, Handler } from "effect-sluice"
import { Smtp } from "./protocol.ts"
import * as Session from "./session.ts"

export type Client = Connection.Connection<string, string>

export interface Parts<E> {
  /** Answers STARTTLS and goes on in TLS. */
  readonly startTls: (client: Client) => Effect.Effect<unknown, E>
  readonly deliver: (mail: Session.Mail, client: Client) => Effect.Effect<void>
}

export const serve =
  <E>({ deliver, startTls }: Parts<E>) =>
  (client: Client): Effect.Effect<void, E | Connection.SendError> =>
    Effect.gen(function* () {
      let session = Session.begin(client.tls !== undefined)
      yield* client.send("220 sluice ESMTP")
      const answer = Handler.each(Smtp, (line) =>
        Effect.gen(function* () {
          const step = Session.next(session, line)
          session = step.session
          if (step.action === "startTls") yield* startTls(client)
          else if (typeof step.action === "object") yield* deliver(step.action.deliver, client)
          yield* client.sendAll(step.replies)
          if (step.action === "close") yield* client.close
        })
      )
      yield* answer(client)
    })

/** A last word for lines that are too long, and none where a client leaves in the middle of one. */
export const farewell = (fault: CloseReason.Fault): string | undefined =>
  fault._tag === "FrameError" && fault.error._tag === "FrameTooLong" ? "500 that line is too long" : undefined
