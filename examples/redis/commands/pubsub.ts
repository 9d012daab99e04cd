/** Channels: each is a group of connections. */
import { Effect } from "effect"
import { Resp } from "effect-sluice"
import type { Published, Session } from "../session.ts"
import type { Row, Table } from "../table.ts"

// The same two for everybody, so that a message is encoded once for each version.
const asPush = ({ channel, text }: Published): Resp.Value => Resp.push("message", channel, text)
const asArray = ({ channel, text }: Published): Resp.Value => ["message", channel, text]

const join = (session: Session, channel: string) => {
  const { channels } = session.shared
  return session.peer === undefined
    ? Effect.succeed(false)
    : // As many channels as it likes: Redis has no bound either, and nobody else pays for them.
      Effect.orDie(channels.join(channel, session.peer, { as: session.version === 3 ? asPush : asArray }))
}

const leave = (session: Session, channel: string) =>
  session.peer === undefined ? Effect.succeed(false) : session.shared.channels.leave(channel, session.peer)

const said = (session: Session, what: string, channel: Resp.Value): Resp.Value =>
  session.versioned(Resp.push(what, channel, session.channels.size))

/** Messages go on in the version that the client has asked for. */
export const resubscribe = (session: Session): Effect.Effect<void> =>
  Effect.forEach(
    session.channels,
    (channel) => Effect.andThen(leave(session, channel), join(session, channel)),
    { discard: true }
  )

const row = (arity: number, effect: NonNullable<Row["effect"]>): Row => ({
  ...{ arity, effect },
  flags: ["pubsub"],
  keys: [0, 0, 0]
})

const named = (command: Resp.Command): ReadonlyArray<string> =>
  Array.from({ length: command.length - 1 }, (_, i) => command.latin1(i + 1))

export const pubsub: Table = {
  subscribe: row(-2, (command, session) =>
    Effect.forEach(named(command), (channel) =>
      Effect.map(join(session, channel), () => {
        session.channels.add(channel)
        return said(session, "subscribe", channel)
      })
    )
  ),
  unsubscribe: row(-1, (command, session) => {
    const channels = command.length > 1 ? named(command) : Array.from(session.channels)
    if (channels.length === 0) return Effect.succeed([said(session, "unsubscribe", null)])
    return Effect.forEach(channels, (channel) =>
      Effect.map(leave(session, channel), () => {
        session.channels.delete(channel)
        return said(session, "unsubscribe", channel)
      })
    )
  }),
  publish: row(3, (command, { shared }) =>
    shared.channels.send(command.latin1(1), { channel: command.latin1(1), text: command.latin1(2) }).pipe(
      // It was a command's argument, so it fits an answer.
      Effect.orDie,
      Effect.map(({ delivered }) => [delivered.length])
    )
  )
}
