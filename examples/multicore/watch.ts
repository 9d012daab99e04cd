/** What the supervisor tells of its workers. */
import { Effect, Layer, Stream } from "effect"
import { Multicore } from "effect-sluice"

/** Runs in the supervisor, once all workers are up. */
export const Watch = Layer.effectDiscard(
  Effect.gen(function* () {
    const { addresses, events, workers } = yield* Multicore.Supervisor
    const pids = (yield* workers).map(({ pid }) => pid)
    const ports = (yield* addresses).flatMap((address) => (address._tag === "Tcp" ? [address.port] : []))
    yield* Effect.log(`chat listens on port ${ports.join(", ")}, in processes ${pids.join(", ")}`)
    const told = Stream.runForEach(events, (event) =>
      event._tag === "Ended" && !event.asked
        ? Effect.log(`process ${event.pid} is gone, with those who were connected to it`)
        : Effect.void
    )
    yield* Effect.forkScoped(told)
  })
)
