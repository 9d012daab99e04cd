/** A process of its machine as its program has it: a worker, or one that stands alone. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Protocol } from "../../../Protocol.ts"
import type { InvalidConfig, NoAnswer } from "../../../SluiceError.ts"
import { ServerDirectory } from "../../serverDirectory.ts"
import { SocketSource } from "../socketSource.ts"
import { Answering } from "./answering.ts"
import { aloneBus, type Bus, type GroupKey, workerBus } from "./bus.ts"
import { handedSockets } from "./handedSockets.ts"
import type { Identity } from "./identity.ts"
import type { MachineConnections, MachineGroups, MachineGroupsOptions } from "./machine.ts"
import { machineConnections } from "./machineConnections.ts"
import { makeMachineGroups } from "./machineGroups.ts"
import { WorkerInfo as WorkerInfoMessage } from "./messages.ts"
import type { WorkerInfo } from "./model.ts"
import { WorkerLink } from "./workerLink.ts"

/** What the service of a worker is. */
export interface Membership {
  readonly worker: number
  readonly index: number
  readonly processes: number
  readonly connections: <In, Out, ServerServices, ClientServices>(
    protocol: Protocol<In, Out, ServerServices, ClientServices>
  ) => MachineConnections<Out>
  readonly groups: <Key extends GroupKey, Message>(
    name: string,
    options: MachineGroupsOptions<Key, Message>
  ) => Effect.Effect<MachineGroups<Key, Message>, InvalidConfig, Scope.Scope>
  readonly workers: Effect.Effect<ReadonlyArray<WorkerInfo>, NoAnswer>
  readonly reload: Effect.Effect<void, NoAnswer>
}

type Fork = (effect: Effect.Effect<void>) => void

const membership = (
  bus: Bus,
  answering: Answering,
  fork: Fork,
  rest: Pick<Membership, "index" | "processes" | "workers" | "reload">
): Membership => ({
  ...rest,
  worker: bus.worker,
  connections: (protocol) => machineConnections(bus, answering, protocol),
  groups: (name, { codec, ...options }) => makeMachineGroups({ name, codec, bus, answering, fork }, options)
})

const forkHere = Effect.map(Effect.context<never>(), (context): Fork => {
  const run = Effect.runForkWith(context)
  return (effect) => {
    run(effect)
  }
})

/** A process without others. */
export const alone: Effect.Effect<{
  readonly membership: Membership
  readonly context: Context.Context<never>
}> = Effect.map(forkHere, (fork) => {
  const answering = new Answering()
  const startedAt = performance.now()
  const self = Effect.sync((): ReadonlyArray<WorkerInfo> => {
    const up = Duration.millis(performance.now() - startedAt)
    const connections = answering.total
    return [{ worker: 1, index: 0, pid: process.pid, state: "running", restarts: 0, connections, up }]
  })
  return {
    membership: membership(aloneBus, answering, fork, {
      index: 0,
      processes: 1,
      workers: self,
      reload: Effect.void
    }),
    context: Context.make(ServerDirectory, answering)
  }
})

/** A worker of a supervisor, for as long as the scope. `ready` tells that its program is up. */
export const asWorker = (
  identity: Identity
): Effect.Effect<
  {
    readonly membership: Membership
    readonly context: Context.Context<never>
    readonly ready: Effect.Effect<void>
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const fork = yield* forkHere
    const link = new WorkerLink(identity, fork)
    const answering = new Answering()
    link.answerer = answering.answer
    yield* link.attach
    const answerTimeout = Duration.millis(identity.answerTimeout)
    const annotations = yield* References.CurrentLogAnnotations
    const ask = <S extends Schema.ConstraintDecoder<unknown>>(tag: "Workers" | "Reload", answer: S) =>
      link.ask({ _tag: tag }, answer, answerTimeout)
    return {
      membership: membership(workerBus(link, answerTimeout), answering, fork, {
        index: identity.index,
        processes: identity.processes,
        workers: Effect.map(ask("Workers", Schema.Array(WorkerInfoMessage)), (infos) =>
          infos.map(({ upMillis, ...info }) => ({ ...info, up: Duration.millis(upMillis) }))
        ),
        reload: Effect.asVoid(ask("Reload", Schema.Unknown))
      }),
      context: Context.make(SocketSource, handedSockets(link)).pipe(
        Context.add(ServerDirectory, answering),
        Context.add(References.CurrentLogAnnotations, { ...annotations, worker: identity.worker })
      ),
      ready: Effect.sync(() => link.tell({ _tag: "Ready" }))
    }
  })
