/** The rooms: who is where, and what they hear. Knows nothing of sockets, lines or JSON. */
import { Context, Effect, Layer, Option, type Scope } from "effect"
import { Connection, Groups } from "effect-sluice"

export type Event =
  | { readonly _tag: "Joined"; readonly name: string }
  | { readonly _tag: "Left"; readonly name: string }
  | { readonly _tag: "Said"; readonly name: string; readonly text: string }

/** Where everybody is at first. */
export const lobby = "lobby"

/** The most characters that are said at once; a terminal's line has room for them and a name. */
export const maxText = 300

/** What somebody types may move their neighbours' cursors. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, " ").trim()

/** Names of people and rooms: 1 to 20 letters, digits, `_` or `-`. */
export const isName = (name: string): boolean => /^[\p{L}\p{N}_-]{1,20}$/u.test(name)

const Nickname = Connection.attribute<string>("nickname")

/** The name of somebody who has arrived. */
export const nameOf = (guest: Groups.Member): Option.Option<string> => guest.attributes.get(Nickname)

export class Rooms extends Context.Service<
  Rooms,
  {
    /** Takes a name for the scope's life and enters the lobby, or says why not. `as` is what the guest hears. */
    readonly arrive: <Out>(
      guest: Connection.Connection<unknown, Out>,
      name: string,
      as: (event: Event) => Out
    ) => Effect.Effect<void, string, Scope.Scope>
    /** Enters a room and leaves the one before, or says why not. */
    readonly enter: <Out>(
      guest: Connection.Connection<unknown, Out>,
      room: string,
      as: (event: Event) => Out
    ) => Effect.Effect<void, string>
    /** Lets the others in the room hear something. */
    readonly say: (guest: Groups.Member, text: string) => Effect.Effect<void>
    /** Who is in the room of a guest; nobody where it is in none. */
    readonly members: (guest: Groups.Member) => Effect.Effect<ReadonlyArray<string>>
    readonly rooms: Effect.Effect<ReadonlyArray<string>>
  }
>()("examples/chat/Rooms") {
  static readonly layer = Layer.effect(
    Rooms,
    Effect.gen(function* () {
      // Who falls behind misses what finds no room in its queue, and holds up nobody.
      const groups = yield* Groups.make<string, Event>({ maxMembers: 1000 })
      const names = new Set<string>()

      const tell = (rooms: ReadonlyArray<string>, guest: Groups.Member, make: (name: string) => Event) =>
        Option.match(nameOf(guest), {
          onNone: () => Effect.void,
          onSome: (name) => Effect.ignore(groups.send(rooms, make(name), { except: guest }))
        })

      const leave = Effect.fnUntraced(function* (guest: Groups.Member, rooms: ReadonlyArray<string>) {
        yield* tell(rooms, guest, (name) => ({ _tag: "Left", name }))
        yield* Effect.forEach(rooms, (room) => groups.leave(room, guest))
      })

      const enter = Effect.fnUntraced(function* <Out>(
        guest: Connection.Connection<unknown, Out>,
        room: string,
        as: (event: Event) => Out
      ) {
        const before = yield* groups.groupsOf(guest)
        const joined = yield* Effect.mapError(groups.join(room, guest, { as }), () => `${room} is full`)
        if (!joined) return
        yield* leave(guest, before)
        yield* tell([room], guest, (name) => ({ _tag: "Joined", name }))
      })

      return Rooms.of({
        arrive: Effect.fnUntraced(function* (guest, name, as) {
          if (names.has(name)) return yield* Effect.fail(`${name} is taken`)
          names.add(name)
          yield* guest.attributes.set(Nickname, name)
          const forget = Effect.andThen(
            guest.attributes.remove(Nickname),
            Effect.sync(() => names.delete(name))
          )
          yield* Effect.onError(enter(guest, lobby, as), () => forget)
          yield* Effect.addFinalizer(() =>
            groups.groupsOf(guest).pipe(
              Effect.flatMap((rooms) => leave(guest, rooms)),
              Effect.andThen(forget)
            )
          )
        }),
        enter,
        say: (guest, text) =>
          Effect.flatMap(groups.groupsOf(guest), (rooms) =>
            tell(rooms, guest, (name) => ({ _tag: "Said", name, text }))
          ),
        members: Effect.fnUntraced(function* (guest) {
          const rooms = yield* groups.groupsOf(guest)
          const members = yield* Effect.forEach(rooms, (room) => groups.members(room))
          return members.flat().flatMap((member) => Option.toArray(nameOf(member)))
        }),
        rooms: Effect.map(groups.groups, (rooms) => rooms.toSorted())
      })
    })
  )
}
