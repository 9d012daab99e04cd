/** The room: who is in it, and what they hear. Knows nothing of sockets, lines or JSON. */
import { Context, Effect, HashSet, Layer, PubSub, Ref, type Scope, Stream } from "effect"

export type Event =
  | { readonly _tag: "Joined"; readonly name: string }
  | { readonly _tag: "Left"; readonly name: string }
  | { readonly _tag: "Said"; readonly name: string; readonly text: string }

/** 1 to 20 letters, digits, `_` or `-`. */
export const isName = (name: string): boolean => /^[\p{L}\p{N}_-]{1,20}$/u.test(name)

export class Room extends Context.Service<
  Room,
  {
    /** Takes the name for the scope's life, and gives what the others do from then on; false where it is taken. */
    readonly join: (name: string) => Effect.Effect<Stream.Stream<Event> | false, never, Scope.Scope>
    readonly say: (name: string, text: string) => Effect.Effect<void>
    readonly members: Effect.Effect<ReadonlyArray<string>>
  }
>()("examples/chat/Room") {
  static readonly layer = Layer.effect(
    Room,
    Effect.gen(function* () {
      const names = yield* Ref.make(HashSet.empty<string>())
      // Who falls 256 events behind misses the oldest of them, and holds up nobody.
      const events = yield* PubSub.sliding<Event>(256)

      const enter = (name: string) =>
        Ref.modify(names, (names) =>
          HashSet.has(names, name) ? [false, names] : [true, HashSet.add(names, name)]
        )

      const leave = (name: string) =>
        Ref.update(names, HashSet.remove(name)).pipe(
          Effect.andThen(PubSub.publish(events, { _tag: "Left", name }))
        )

      return Room.of({
        join: Effect.fnUntraced(function* (name) {
          const entered = yield* Effect.acquireRelease(enter(name), (entered) =>
            entered ? leave(name) : Effect.void
          )
          if (!entered) return false
          yield* PubSub.publish(events, { _tag: "Joined", name })
          const heard = yield* PubSub.subscribe(events)
          return Stream.fromSubscription(heard).pipe(Stream.filter((event) => event.name !== name))
        }),
        say: (name, text) => PubSub.publish(events, { _tag: "Said", name, text }),
        members: Effect.map(Ref.get(names), (names) => [...names].sort())
      })
    })
  )
}
