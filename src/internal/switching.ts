/** A connection leaves its protocol for another one. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Connection, SwitchOptions } from "../Connection.ts"
import * as Outbound from "../Outbound.ts"
import type { Protocol } from "../Protocol.ts"
import { type ConnectionClosed, InvalidConfig, type OptionProblem } from "../SluiceError.ts"
import { codecError } from "./codec/schemaCodec.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { framingFor } from "./datagram/carriedBy.ts"
import { Heartbeat } from "./heartbeat.ts"
import { planHeartbeat } from "./heartbeatPlan.ts"
import type { InboundQueue } from "./inboundQueue.ts"
import { type Holding, leaving, mayLeave } from "./leaving.ts"
import type { OutboundHost } from "./outboundHost.ts"
import { OutboundQueue } from "./outboundQueue.ts"
import { protocolFields } from "./settings.ts"
import { SwitchedConnection } from "./switchedConnection.ts"

const done = Exit.fail(Cause.Done())

const versionedLater: OptionProblem = {
  path: "protocol.versions",
  message: "a hello belongs to the beginning of a connection"
}

export const switchProtocol = <In, Out, NextIn, NextOut, Services, PeerServices>(
  core: ConnectionImpl<In, Out>,
  from: Holding<In, Out>,
  next: Protocol<NextIn, NextOut, Services, PeerServices>,
  options: SwitchOptions<NextOut> = {}
): Effect.Effect<Connection<NextIn, NextOut>, ConnectionClosed | InvalidConfig, Services> =>
  Effect.contextWith((context: Context.Context<Services>) =>
    Effect.flatMap(leaving(core, from), () => {
      const problems = next.problems.map(
        ({ message, path }): OptionProblem => ({ path: `protocol.${path}`, message })
      )
      if (next.versions !== undefined) problems.push(versionedLater)
      return problems.length > 0
        ? Effect.fail(new InvalidConfig({ problems }))
        : Effect.suspend(() =>
            Exit.map(mayLeave(core, from), () =>
              enter(core, from, next.name, sharedOf(core, next, options, context))
            )
          )
    })
  )

/** What the connection shares with others, as far as it does not depend on the protocol, and what does. */
const sharedOf = <In, Out, NextIn, NextOut, Services, PeerServices>(
  { shared }: ConnectionImpl<In, Out>,
  next: Protocol<NextIn, NextOut, Services, PeerServices>,
  options: SwitchOptions<NextOut>,
  context: Context.Context<Services>
): ConnectionShared<NextIn, NextOut> => {
  const { farewell: _, retire, tellDropped, tellSkipped, ...others } = shared
  const told: Told<In, Out> = {
    ...(retire && { retire }),
    ...(tellDropped && { tellDropped }),
    ...(tellSkipped && { tellSkipped })
  }
  const fields = protocolFields(next, next.fromClient, next.fromServer, context)
  const beats = { ours: next.heartbeat?.fromServer, theirs: next.heartbeat?.fromClient }
  return {
    ...others,
    ...fields,
    framing: framingFor(fields, shared.carriage, [next.fromServer]),
    outboundPolicy: options.policy ?? Outbound.suspend,
    onMessageError: options.onMessageError ?? "close",
    onIdle: options.onIdle ?? "close",
    greeting: undefined,
    heartbeat: planHeartbeat(
      beats,
      shared.heartbeatSettings,
      shared.deadlines.random,
      shared.carriage?.pings === true
    ),
    ...(options.farewell && { farewell: options.farewell }),
    // They look at the connection's life and never at its messages.
    ...(told as unknown as Told<NextIn, NextOut>)
  }
}

/** Who is told of a queue that never holds anything. */
const nobody: OutboundHost = {
  written: () => {},
  outboundBlocked: () => {},
  startWriter: () => {},
  outboundEnded: () => {},
  account: () => {},
  outboundDropped: () => {}
}

/** Those of the server who are told of a connection. */
type Told<In, Out> = Pick<ConnectionShared<In, Out>, "retire" | "tellDropped" | "tellSkipped">

const enter = <In, Out, NextIn, NextOut>(
  core: ConnectionImpl<In, Out>,
  from: Holding<In, Out>,
  name: string,
  shared: ConnectionShared<NextIn, NextOut>
): Connection<NextIn, NextOut> => {
  const { inbound, wire } = core
  const closed = new OutboundQueue(wire, core.shared.framing, core.shared.outboundLimits, nobody)
  closed.close()
  from.sender.leave(closed, codecError("protocol", `the connection has switched to ${name}`))
  core.outbound.enter(shared.framing)
  core.heartbeat?.leave()

  // From here on it speaks the next protocol, and who holds it in the old one reaches none of its messages.
  const own = core as unknown as ConnectionImpl<NextIn, NextOut>
  own.shared = shared
  own.inbound = own.newInbound()
  own.inbound.onTaken = inbound.onTaken
  own.heartbeat = shared.heartbeat && new Heartbeat(own, shared.heartbeat)
  if (own.heartbeat?.active === true) own.heartbeat.begin()
  const current = new SwitchedConnection(own)
  // The first protocol's queue, whose messages only the first holder asks for.
  const left = (core.switched?.left ?? inbound) as unknown as InboundQueue<NextIn>
  own.switched = { left, current }
  inbound.end(() => done)
  own.reader.enter()
  own.account()
  return current
}
