/** What the server says of itself. */
import { Resp } from "effect-sluice"
import { error, wrongArity } from "../replies.ts"
import type { Session } from "../session.ts"
import { type Named, reads, type Table } from "../table.ts"

/** The Redis whose commands these are, as far as they go. */
export const version = "7.0.15"

const info = (
  session: Session
): Readonly<Record<string, ReadonlyArray<readonly [string, string | number]>>> => {
  const { file, sessions, startedAt, store } = session.shared
  const memory = process.memoryUsage()
  return {
    Server: [
      ["redis_version", version],
      ["redis_mode", "standalone"],
      ["process_id", process.pid],
      ["tcp_port", session.peer?.localAddress._tag === "Tcp" ? session.peer.localAddress.port : 0],
      ["uptime_in_seconds", Math.floor((store.now - startedAt) / 1000)]
    ],
    Clients: [["connected_clients", sessions.size]],
    Memory: [
      ["used_memory", memory.heapUsed + memory.external],
      ["used_memory_rss", memory.rss]
    ],
    Persistence: [
      ["loading", 0],
      ["aof_enabled", file === undefined ? 0 : 1]
    ],
    Stats: [["total_commands_processed", session.shared.commands]],
    Replication: [
      ["role", "master"],
      ["connected_slaves", 0]
    ],
    Keyspace: store.size === 0 ? [] : [["db0", `keys=${store.size},expires=${store.expiring},avg_ttl=0`]]
  }
}

const everything = ["default", "all", "everything"]

const infoText = (command: Resp.Command, session: Session): string => {
  const asked = new Set<string>()
  for (let i = 1; i < command.length; i++) asked.add(command.latin1(i).toLowerCase())
  const all = asked.size === 0 || everything.some((word) => asked.has(word))
  return Object.entries(info(session))
    .filter(([section]) => all || asked.has(section.toLowerCase()))
    .map(([section, lines]) =>
      [`# ${section}`, ...lines.map(([key, value]) => `${key}:${value}`), ""].join("\r\n")
    )
    .join("\r\n")
}

const describe = ({ arity, flags, keys, name }: Named): Resp.Value => [
  ...[name, arity, Resp.set(flags.map(Resp.simpleString)), ...keys],
  ...[Resp.set([]), [], [], []]
]

const command = (asked: Resp.Command, session: Session): Resp.Value => {
  const sub = asked.latin1(1).toLowerCase()
  const { table } = session.shared
  // Each stands there twice, in small letters and in capitals.
  const rows = Array.from(new Set(table.values()))
  const names = asked.args.slice(2).map((_, i) => asked.latin1(i + 2).toLowerCase())
  if (asked.length === 1 || (sub === "info" && names.length === 0)) {
    return session.versioned(rows.map(describe))
  }
  switch (sub) {
    case "count":
      return asked.length === 2 ? rows.length : wrongArity("command|count")
    case "list":
      return asked.length === 2 ? rows.map(({ name }) => name) : error("ERR syntax error")
    case "info":
      return session.versioned(
        names.map((name) => {
          const row = table.get(name)
          return row === undefined ? session.none : describe(row)
        })
      )
    case "docs":
      // Nothing to tell beyond what `COMMAND` does; `redis-cli` then has no hints.
      return session.versioned(Resp.map([]))
    default:
      return error(`ERR unknown subcommand '${asked.latin1(1)}'. Try COMMAND HELP.`)
  }
}

export const server: Table = {
  info: reads(
    -1,
    (asked, session) => session.versioned(Resp.verbatimString("txt", infoText(asked, session))),
    [0, 0, 0]
  ),
  command: reads(-1, command, [0, 0, 0])
}
