/** What a process answers when others ask for its connections and groups. */
import * as Effect from "effect/Effect"
import { CloseReason } from "../../../CloseReason.ts"
import type { Delivery } from "../../../Connections.ts"
import { awayFrom } from "../../away.ts"
import type { ConnectionImpl } from "../../connection.ts"
import { offerFrame } from "../../outboundPolicy.ts"
import { Registry } from "../../registry.ts"
import type { LiveServer, ServerDirectory } from "../../serverDirectory.ts"
import { SharedFrames } from "../../sharedFrames.ts"
import type { AnswerTo, Question } from "./messages.ts"

/** A message as one frame for each codec that a connection may speak; that of the protocol itself has no name. */
export interface Printed {
  readonly codec: string | undefined
  readonly frame: Uint8Array
}

/** The groups of a process, for those who ask for them by name. */
export interface AnsweringGroups {
  readonly members: (key: string | number) => ReadonlyArray<{ readonly id: number }>
  readonly keys: () => ReadonlyArray<string | number>
}

type Peer = ConnectionImpl<unknown, unknown>

export class Answering implements ServerDirectory {
  readonly groups = new Map<string, AnsweringGroups>()
  private readonly servers = new Set<LiveServer>()

  readonly enter = (server: LiveServer): (() => void) => {
    this.servers.add(server)
    return () => void this.servers.delete(server)
  }

  /** How many connections all servers have. */
  get total(): number {
    return Array.from(this.servers).reduce((sum, { connections }) => sum + connections.size, 0)
  }

  /** The servers that speak a protocol. */
  speaking(protocol: string): ReadonlyArray<LiveServer> {
    return Array.from(this.servers).filter((server) => server.protocol.name === protocol)
  }

  readonly answer = (question: Question): Effect.Effect<AnswerTo<Question["_tag"]>> => {
    switch (question._tag) {
      case "Size":
        return Effect.sync(() => this.size(question.protocol))
      case "List":
        return Effect.sync(() => this.list(question.protocol, question.limit))
      case "Broadcast":
        return Effect.sync(() => this.broadcast(question.protocol, question.frames))
      case "Unicast":
        return Effect.sync(() => {
          const connection = this.find(question.protocol, question.id)
          return connection === undefined ? "closed" : offer(connection, question.frames.map(shared))
        })
      case "CloseById":
        return Effect.sync(() => {
          const connection = this.find(question.protocol, question.id)
          connection?.closeWith(CloseReason.LocalClosed())
          return connection !== undefined
        })
      case "CloseByAddress":
        return Effect.map(
          Effect.forEach(this.speaking(question.protocol), ({ connections }) =>
            new Registry(connections).closeByAddress(question.peer)
          ),
          (ids) => ids.flat()
        )
      case "Members":
        return Effect.sync(() => {
          const members = this.groups.get(question.groups)?.members(question.key) ?? []
          return { count: members.length, ids: members.slice(0, question.limit).map(({ id }) => id) }
        })
      case "Groups":
        return Effect.sync(() => (this.groups.get(question.groups)?.keys() ?? []).slice(0, question.limit))
    }
  }

  private *connectionsOf(protocol: string): Iterable<Peer> {
    for (const { connections } of this.speaking(protocol)) yield* connections
  }

  private find(protocol: string, id: number): Peer | undefined {
    for (const { connections } of this.speaking(protocol)) {
      const connection = connections.get(id)
      if (connection !== undefined) return connection
    }
    return undefined
  }

  private size(protocol: string): number {
    return this.speaking(protocol).reduce((sum, { connections }) => sum + connections.size, 0)
  }

  private list(protocol: string, limit: number): AnswerTo<"List"> {
    const infos: Array<AnswerTo<"List">[number]> = []
    for (const connection of this.connectionsOf(protocol)) {
      if (infos.length >= limit) break
      infos.push(infoOf(connection))
    }
    return infos
  }

  private broadcast(protocol: string, frames: ReadonlyArray<Printed>): AnswerTo<"Broadcast"> {
    let delivered = 0
    const failed: Array<AnswerTo<"Broadcast">["failed"][number]> = []
    const copies = frames.map(shared)
    for (const connection of this.connectionsOf(protocol)) {
      const reason = offer(connection, copies)
      if (reason === "queued") delivered++
      else failed.push({ id: connection.id, reason })
    }
    return { delivered, failed }
  }
}

/** A frame as those get it who speak a codec. */
interface Shared {
  readonly codec: string | undefined
  readonly frame: SharedFrames
}

const shared = ({ codec, frame }: Printed): Shared => ({ codec, frame: new SharedFrames(frame) })

const offer = (connection: Peer, frames: ReadonlyArray<Shared>): Delivery => {
  const away = awayFrom(connection)
  if (away !== undefined) return away
  const codec = connection.agreed?.codec
  const printed = frames.find((one) => one.codec === codec) ?? frames.find((one) => one.codec === undefined)
  // The key of a message that would replace another one is known where the message is, and that is elsewhere.
  return printed === undefined
    ? "closed"
    : offerFrame(connection, connection.shared.outboundPolicy, undefined, printed.frame)
}

const infoOf = (connection: Peer): AnswerTo<"List">[number] => {
  const { bytesIn, bytesOut, messagesIn, messagesOut } = connection.stats
  const age = connection.shared.clock.currentTimeMillisUnsafe() - connection.openedAt
  return {
    id: connection.id,
    localAddress: connection.localAddress,
    remoteAddress: connection.remoteAddress,
    ageMillis: Math.max(0, age),
    bytesIn,
    bytesOut,
    messagesIn,
    messagesOut
  }
}
