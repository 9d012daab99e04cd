/**
 * Multicore: one process for each core, under a supervisor. Handlers, servers and transports stay as they are.
 *
 * {@link layer} goes around the whole program. The process that is started becomes the supervisor and runs the same file
 * again in each worker, where the program is built. The supervisor listens where the servers of the program want to, and
 * hands each peer over to one of the workers, unread: the TLS handshake is the worker's, too. A worker that ends is
 * replaced; `reload` replaces them one by one, and the address accepts all the while.
 *
 * What a program holds in memory is one process's own from then on: limits (`admission`), permits (`Workers`), groups
 * (`Groups`), requests. {@link Multicore} reaches the connections of all processes, and {@link layerGroups} makes groups
 * whose members may be in any of them.
 *
 * **Example** (A server on every core)
 *
 * ```ts
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Layer } from "effect"
 * import { Codec, Framing, Handler, Multicore, Protocol, Server, Shutdown, TransportNode } from "effect-sluice"
 *
 * const Echo = Protocol.make("Echo", {
 *   framing: Framing.lines(),
 *   fromClient: Codec.utf8,
 *   fromServer: Codec.utf8
 * })
 *
 * const EchoServer = Server.layer(Echo, Handler.map((line) => line)).pipe(
 *   Layer.provide(TransportNode.layerTcp({ port: 7000 }))
 * )
 *
 * export const start = () =>
 *   EchoServer.pipe(
 *     Multicore.layer({ processes: 4 }),
 *     Layer.launch,
 *     NodeRuntime.runMain({ teardown: Shutdown.teardown })
 *   )
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Groups } from "./Groups.ts"
import type { Identity } from "./internal/node/multicore/identity.ts"
import { ownIdentity } from "./internal/node/multicore/identity.ts"
import type {
  MachineConnections,
  MachineGroups,
  MachineGroupsOptions
} from "./internal/node/multicore/machine.ts"
import type { MulticoreEvent, MulticoreStatus, WorkerInfo } from "./internal/node/multicore/model.ts"
import type { MulticoreOptions, SuperviseOptions } from "./internal/node/multicore/options.ts"
import { onSecondSignal, superviseEntry } from "./internal/node/multicore/supervise.ts"
import { alone, asWorker } from "./internal/node/multicore/worker.ts"
import type { Protocol } from "./Protocol.ts"
import {
  type InvalidConfig,
  type NoAnswer,
  NotAWorker,
  type RestartsExhausted,
  type WorkerFailed
} from "./SluiceError.ts"
import type { Address } from "./Transport.ts"

export type {
  Gathered,
  MachineBroadcast,
  MachineConnection,
  MachineConnections,
  MachineGroups,
  MachineGroupsOptions
} from "./internal/node/multicore/machine.ts"
export {
  type MachineId,
  MulticoreEvent,
  type MulticoreStatus,
  type WorkerInfo
} from "./internal/node/multicore/model.ts"
export type {
  Balance,
  MulticoreOptions,
  QueueOptions,
  RestartOptions,
  SuperviseOptions,
  WaitingOptions
} from "./internal/node/multicore/options.ts"

/**
 * A worker as its own program has it, and the whole machine from there.
 *
 * @category services
 * @since 0.1.0
 */
export class Multicore extends Context.Service<
  Multicore,
  {
    /** The number of this process, never given twice by its supervisor. */
    readonly worker: number
    /** Its place, from 0 to one below `processes`; the process that replaces it has the same. */
    readonly index: number
    readonly processes: number
    /**
     * The connections of all servers that speak a protocol, in all processes. All run the same program, so that a protocol
     * of one name is the same one everywhere.
     */
    readonly connections: <In, Out, ServerServices, ClientServices>(
      protocol: Protocol<In, Out, ServerServices, ClientServices>
    ) => MachineConnections<Out>
    /**
     * Groups under a name that says which are the same ones in the other processes, for as long as the scope. One worker
     * makes those of a name once. {@link layerGroups} is this as a layer.
     */
    readonly groups: <Key extends string | number, Message>(
      name: string,
      options: MachineGroupsOptions<Key, Message>
    ) => Effect.Effect<MachineGroups<Key, Message>, InvalidConfig, Scope.Scope>
    /** All workers that there are at this moment. */
    readonly workers: Effect.Effect<ReadonlyArray<WorkerInfo>, NoAnswer>
    /** Has the supervisor replace all workers, this one among them. Returns as soon as it knows. */
    readonly reload: Effect.Effect<void, NoAnswer>
  }
>()("effect-sluice/Multicore") {}

/**
 * The supervisor as whoever started it has it.
 *
 * @category services
 * @since 0.1.0
 */
export class Supervisor extends Context.Service<
  Supervisor,
  {
    readonly status: Effect.Effect<MulticoreStatus>
    /** The status, and then each change of it. Ends after `stopped`. */
    readonly statusChanges: Stream.Stream<MulticoreStatus>
    /** All workers that there are at this moment. */
    readonly workers: Effect.Effect<ReadonlyArray<WorkerInfo>>
    /** Where the supervisor listens for its workers. */
    readonly addresses: Effect.Effect<ReadonlyArray<Address>>
    /** What happens from that moment on. The oldest are lost to a reader that falls behind by more than 1024. */
    readonly events: Stream.Stream<MulticoreEvent>
    /**
     * Replaces all workers, one after the other: a new one is up before the old one gets no more peers, finishes what it
     * has, and ends. No peer is refused meanwhile. Where a new one does not come up, the reload ends and fails, and the
     * workers that are there stay. Reloads at the same time are one after the other.
     */
    readonly reload: Effect.Effect<void, WorkerFailed>
    /** Fails when workers have ended by themselves more often than `restarts` allows. */
    readonly failed: Effect.Effect<never, RestartsExhausted>
    /** Ends all workers at the same time, each in its own time and within `stopTimeout`, as the end of the scope does. */
    readonly stop: Effect.Effect<void>
    /** Stops, and gives workers that do not end at once a second SIGTERM, and one second. */
    readonly kill: Effect.Effect<void>
  }
>()("effect-sluice/Multicore/Supervisor") {}

/**
 * Starts workers and looks after them for as long as the scope. Returns when all are up; fails where one of them does not
 * come up, where the options cannot be, or where this process runs no file. The end of the scope stops it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const supervise = ({
  args,
  entry,
  ...options
}: SuperviseOptions = {}): Effect.Effect<Supervisor["Service"], InvalidConfig | WorkerFailed, Scope.Scope> =>
  superviseEntry({ args, entry }, options)

/**
 * A program on several processes: the supervisor in the process that is started, the program in each worker.
 *
 * In the supervisor the layer is not built in a moment: it lasts as long as the workers, fails where they do not come up
 * or the budget of restarts is spent, and is stopped by interruption, as by a signal under `runMain`. The second SIGINT or
 * SIGTERM forces. `supervisor` is a layer that is built there, once all workers are up: for a status page, or to reload.
 *
 * In a worker it is built when the program is. Log lines of a worker have its number as `worker`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer =
  <E2 = never, R2 = never>({
    supervisor,
    ...options
  }: MulticoreOptions & { readonly supervisor?: Layer.Layer<never, E2, R2> | undefined } = {}) =>
  <A, E, R>(
    program: Layer.Layer<A, E, R>
  ): Layer.Layer<
    never,
    E | E2 | InvalidConfig | WorkerFailed | RestartsExhausted,
    Exclude<R, Multicore> | Exclude<R2, Supervisor>
  > =>
    Layer.effectDiscard(
      Effect.gen(function* () {
        const identity = ownIdentity()
        if (Option.isNone(identity)) return yield* supervisorLife(options, supervisor)
        return yield* workerLife(program, identity.value)
      })
    )

const supervisorLife = Effect.fnUntraced(function* <E, R>(
  options: MulticoreOptions,
  beside: Layer.Layer<never, E, R> | undefined
) {
  let kill: Effect.Effect<void> = Effect.void
  yield* onSecondSignal(() => {
    Effect.runFork(kill)
  })
  const service = yield* superviseEntry({}, options)
  kill = service.kill
  if (beside !== undefined) yield* Layer.build(Layer.provide(beside, Layer.succeed(Supervisor, service)))
  return yield* service.failed
})

const workerLife = Effect.fnUntraced(function* <A, E, R>(program: Layer.Layer<A, E, R>, identity: Identity) {
  const { context, membership, ready } = yield* asWorker(identity)
  const services = Layer.succeedContext(Context.add(context, Multicore, membership))
  yield* Layer.build(Layer.provide(program, services))
  yield* ready
})

/**
 * The program of a file that {@link supervise} runs in its workers. In a process that is none it fails with
 * {@link NotAWorker}.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWorker = <A, E, R>(
  program: Layer.Layer<A, E, R>
): Layer.Layer<never, E | NotAWorker, Exclude<R, Multicore>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const identity = ownIdentity()
      if (Option.isNone(identity)) return yield* Effect.fail(new NotAWorker())
      return yield* workerLife(program, identity.value)
    })
  )

/**
 * A machine of one process, which is this one: for tests, and for programs that are run without a supervisor.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAlone: Layer.Layer<Multicore> = Layer.effectContext(
  Effect.map(alone, ({ context, membership }) => Context.add(context, Multicore, membership))
)

/**
 * Groups over all processes, under a key of one's own: in place of `Groups.layer`, whose services they are. The key's
 * own name is the one by which processes know that they are the same groups.
 *
 * **Example** (Rooms of a chat, in whatever process the members are)
 *
 * ```ts
 * import { Codec, type Groups, Multicore } from "effect-sluice"
 * import { Context } from "effect"
 *
 * class Rooms extends Context.Service<Rooms, Groups.Groups<string, string>>()("app/Rooms") {}
 *
 * const RoomsLive = Multicore.layerGroups(Rooms, { codec: Codec.utf8 })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerGroups: {
  <Id, Key extends string | number, Message>(
    key: Context.Key<Id, MachineGroups<Key, Message>>,
    options: MachineGroupsOptions<NoInfer<Key>, NoInfer<Message>>
  ): Layer.Layer<Id, InvalidConfig, Multicore>
  <Id, Key extends string | number, Message>(
    key: Context.Key<Id, Groups<Key, Message>>,
    options: MachineGroupsOptions<NoInfer<Key>, NoInfer<Message>>
  ): Layer.Layer<Id, InvalidConfig, Multicore>
} = <Id, Key extends string | number, Message>(
  key: Context.Key<Id, MachineGroups<Key, Message>> | Context.Key<Id, Groups<Key, Message>>,
  options: MachineGroupsOptions<Key, Message>
): Layer.Layer<Id, InvalidConfig, Multicore> =>
  Layer.effect(
    // Groups of a machine are groups.
    key as Context.Key<Id, Groups<Key, Message>>,
    Effect.flatMap(Multicore, ({ groups }) => groups(key.key, options))
  )
