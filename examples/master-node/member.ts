/** A node's side: registers, answers pings, and minds the master's silence. */
import { Duration, Effect, Schedule, Stream, SubscriptionRef } from "effect"
import { Client, type Connection } from "effect-sluice"
import { Cluster, type FromNode } from "./protocol.ts"

export interface NodeOptions {
  readonly name: string
  /** So long without a word from the master is worth a line, and another try. */
  readonly silence: Duration.Duration
  readonly say: (line: string) => Effect.Effect<void>
}

/** A node that connects through the transport at hand, again and again, as long as its scope lives. */
export const runNode = Effect.fnUntraced(function* ({ name, say, silence }: NodeOptions) {
  let met = false
  let missing = false

  const found = Effect.suspend(() => {
    const line = met ? "back with the master" : "with the master"
    met = true
    missing = false
    return say(line)
  })

  // Said once, however many attempts fail until the master is back.
  const miss = (line: string) =>
    Effect.suspend(() => {
      if (missing) return Effect.void
      missing = true
      return say(line)
    })

  // Reported, and tried over another connection. That one may wait: a master that stands still would find many later.
  const onSilence = (master: Connection.Connection<unknown, FromNode>) =>
    Effect.suspend(() => {
      if (missing) return Effect.void
      const line = `heard nothing from the master for ${Duration.toSeconds(silence)} seconds`
      return Effect.andThen(miss(line), master.abort)
    })

  const client = yield* Client.make(Cluster, {
    // Back is who has the master's answer.
    onConnect: (master, next) => Effect.andThen(master.send({ _tag: "Register", name }), next),
    onConnectTimeout: "1 minute",
    deadlines: { readIdle: silence },
    onIdle: onSilence,
    reconnect: Schedule.jittered(Schedule.spaced("500 millis"))
  })

  yield* SubscriptionRef.changes(client.status).pipe(
    Stream.runForEach((status) => {
      if (status._tag === "Up") return found
      if (status._tag === "Down") return miss(`without the master: ${status.failure.message}`)
      return Effect.void
    })
  )
})
