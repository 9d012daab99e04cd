/** What a client says of itself, and asks of its connection. */
import { Effect } from "effect"
import { Resp, Transport } from "effect-sluice"
import { parseCount } from "../numbers.ts"
import { error, wrongArity } from "../replies.ts"
import type { Session } from "../session.ts"
import type { Row, Table } from "../table.ts"
import { resubscribe } from "./pubsub.ts"
import { version } from "./server.ts"

const badName = error("ERR Client names cannot contain spaces, newlines or special characters.")
const isName = (name: string): boolean => /^[!-~]*$/.test(name)

const row = (arity: number, rest: Pick<Row, "run" | "effect" | "always">): Row => ({
  ...rest,
  ...{ arity, flags: ["fast"], keys: [0, 0, 0] }
})

/** `HELLO 3 AUTH default secret SETNAME me`; there is one user, who needs no password. */
const hello = (command: Resp.Command, session: Session): Resp.Value => {
  const asked = command.length > 1 ? parseCount(command.latin1(1)) : session.version
  if (asked === undefined) return error("ERR Protocol version is not an integer or out of range")
  if (asked !== 2 && asked !== 3) return error("NOPROTO unsupported protocol version")
  let { name } = session
  for (let i = 2; i < command.length; i++) {
    const option = command.latin1(i).toUpperCase()
    const left = command.length - 1 - i
    if (option === "AUTH" && left >= 2) {
      if (command.latin1(i + 1) !== "default") {
        return error("WRONGPASS invalid username-password pair or user is disabled.")
      }
      i += 2
    } else if (option === "SETNAME" && left >= 1) {
      name = command.latin1(++i)
      if (!isName(name)) return badName
    } else {
      return error(`ERR Syntax error in HELLO option '${command.latin1(i)}'`)
    }
  }
  session.name = name
  session.version = asked
  return session.versioned(
    Resp.map([
      ["server", "redis"],
      ["version", version],
      ["proto", asked],
      ["id", session.peer?.id ?? 0],
      ["mode", "standalone"],
      ["role", "master"],
      ["modules", []]
    ])
  )
}

const addressOf = (address: Transport.Address | undefined): string =>
  address === undefined ? "" : Transport.formatAddress(address)

const describe = (session: Session): string => {
  const { channels, library, name, peer, transaction, version } = session
  const age = peer === undefined ? 0 : Math.floor((session.shared.now() - peer.stats.openedAt) / 1000)
  return [
    `id=${peer?.id} addr=${addressOf(peer?.remoteAddress)} laddr=${addressOf(peer?.localAddress)}`,
    `name=${name} age=${age} db=0 sub=${channels.size} multi=${transaction?.commands.length ?? -1} resp=${version}`,
    `lib-name=${library.name} lib-ver=${library.version}`
  ].join(" ")
}

const client = (command: Resp.Command, session: Session): Resp.Value => {
  const sub = command.latin1(1).toLowerCase()
  const counts: Readonly<Record<string, number>> = {
    id: 2,
    getname: 2,
    info: 2,
    list: 2,
    setname: 3,
    setinfo: 4
  }
  const count = Object.hasOwn(counts, sub) ? counts[sub] : undefined
  if (count === undefined) return error(`ERR unknown subcommand '${command.latin1(1)}'. Try CLIENT HELP.`)
  if (command.length !== count) return wrongArity(`client|${sub}`)
  switch (sub) {
    case "id":
      return session.peer?.id ?? 0
    case "getname":
      return session.name === "" ? session.none : session.name
    case "info":
      return session.versioned(Resp.verbatimString("txt", `${describe(session)}\n`))
    case "list": {
      const all = Array.from(session.shared.sessions.values(), (each) => `${describe(each)}\n`)
      return session.versioned(Resp.verbatimString("txt", all.join("")))
    }
    case "setname":
      if (!isName(command.latin1(2))) return badName
      session.name = command.latin1(2)
      return Resp.ok
    default: {
      const what = command.latin1(2).toLowerCase()
      const value = command.latin1(3)
      if (what !== "lib-name" && what !== "lib-ver") {
        return error(`ERR Unrecognized option '${command.latin1(2)}'`)
      }
      if (!isName(value)) return error(`ERR ${what} cannot contain spaces, newlines or special characters.`)
      session.library = { ...session.library, [what === "lib-name" ? "name" : "version"]: value }
      return Resp.ok
    }
  }
}

export const connection: Table = {
  ping: row(-1, {
    run: (command, session) => {
      if (command.length > 2) return wrongArity("ping")
      const text = command.latin1(1)
      if (session.version === 2 && session.channels.size > 0) return ["pong", text]
      return command.length === 2 ? text : Resp.simpleString("PONG")
    }
  }),
  echo: row(2, { run: (command) => command.latin1(1) }),
  hello: row(-1, {
    effect: (command, session) =>
      Effect.suspend(() => {
        const before = session.version
        const answer = hello(command, session)
        const again = session.version === before ? Effect.void : resubscribe(session)
        return Effect.as(again, [answer])
      })
  }),
  client: row(-2, { run: client }),
  quit: row(-1, {
    always: true,
    effect: (_, { peer }) =>
      peer === undefined ? Effect.succeed([]) : Effect.as(Effect.andThen(peer.send(Resp.ok), peer.close), [])
  })
}
