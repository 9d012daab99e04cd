/** The server's parts put together: the keys, their file, the channels, and a session for each client. */
import { Clock, Effect, Schedule, Stream } from "effect"
import { type Connection, Groups, Outbound, Resp, Server } from "effect-sluice"
import { open, type Policy } from "./appendOnlyFile.ts"
import { table } from "./commands/index.ts"
import { Redis } from "./protocol.ts"
import { error } from "./replies.ts"
import { type Peer, type Published, Session, type Shared } from "./session.ts"
import { Store } from "./store.ts"

export interface RedisOptions {
  /** Where to keep what changes; default nowhere. */
  readonly file?: { readonly path: string; readonly policy: Policy } | undefined
}

/** What cannot be read ends the connection, and the last word is why; half a command at its end is nothing to speak of. */
const farewell: Connection.Farewell<Resp.Value> = (fault) => {
  if (fault._tag !== "FrameError" || fault.error._tag === "FrameTruncated") return undefined
  const { error: problem } = fault
  return error(`ERR Protocol error: ${problem._tag === "FrameCorrupted" ? problem.detail : problem.message}`)
}

/** A client's connection from its first command to its last. */
const serve = (shared: Shared) => (peer: Peer) => {
  const session = new Session(shared, peer)
  shared.sessions.set(peer.id, session)
  return Stream.runForEachArray(peer.messages, session.take).pipe(
    Effect.ensuring(Effect.sync(() => shared.sessions.delete(peer.id)))
  )
}

/** Reads the file and begins to listen. */
export const make = Effect.fnUntraced(function* (options: RedisOptions = {}) {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  // Whose time is zero while the file is read: what has expired says so there.
  const store = new Store()
  const channels = yield* Groups.make<string, Published>({
    // Who does not read what it subscribed to has to go, as in Redis.
    policy: Outbound.disconnect,
    maxMembers: 1_000_000,
    maxGroups: 1_000_000,
    maxGroupsPerConnection: 1_000_000
  })
  const base = {
    table,
    store,
    channels,
    now,
    sessions: new Map<number, Session>(),
    startedAt: now(),
    commands: 0
  }
  const replaying = new Session({ ...base, file: undefined }, undefined)
  const file =
    options.file &&
    (yield* open(options.file.path, options.file.policy, (command) => replaying.apply(command)))
  if (file !== undefined) {
    store.onExpired = (key) => file.append(Resp.command("DEL", Buffer.from(key, "latin1")))
  }

  // Keys whose time has passed go when somebody asks for them, and here where nobody does.
  const expire = Effect.suspend(() => {
    store.now = now()
    store.expireSome()
    return file === undefined || file.settled ? Effect.void : file.settle
  })
  yield* Effect.forkScoped(Effect.repeat(expire, Schedule.spaced("100 millis")))

  const server = yield* Server.make(Redis, serve({ ...base, file }), {
    // Clients may listen for ever and say nothing.
    deadlines: { hello: "off", readIdle: "off" },
    admission: {
      maxConnections: 10_000,
      farewell: error("ERR max number of clients reached")
    },
    farewell,
    outbound: { maxMessages: 10_000, maxBytes: 8 * 1024 * 1024 }
  })
  return { server, file }
})
