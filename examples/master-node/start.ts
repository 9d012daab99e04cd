/**
 * One master and the nodes a, b and c, each a process of its own: `npx tsx examples/master-node/start.ts`.
 *
 * Type `kill b` and `revive b`, or `stop b` and `continue b`, for any of them, the master too; ctrl-C ends them all.
 */
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Deferred, Effect, FiberMap, Stdio, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { Shutdown } from "effect-sluice"

const names = ["master", "a", "b", "c"]
const help = "There are kill, revive, stop and continue, each with master, a, b or c."

const signals = new Map<string, NodeJS.Signals>([
  ["kill", "SIGKILL"],
  ["stop", "SIGSTOP"],
  ["continue", "SIGCONT"]
])

const pids = new Map<string, number>()

// Who has just ended needs no signal.
const send = (pid: number, signal: NodeJS.Signals) =>
  Effect.ignore(Effect.try(() => process.kill(pid, signal)))

/** A process from its start to its end, with its name before each line that it says. */
const run = Effect.fnUntraced(function* (name: string, onLine: Effect.Effect<unknown>) {
  const file = fileURLToPath(new URL(name === "master" ? "./master.ts" : "./node.ts", import.meta.url))
  const child = yield* ChildProcess.make(process.execPath, [...process.execArgv, file], {
    env: { NAME: name },
    extendEnv: true,
    stdin: "ignore",
    detached: false,
    forceKillAfter: "10 seconds"
  })
  pids.set(name, child.pid)
  yield* Effect.addFinalizer(() => {
    pids.delete(name)
    // Who is stopped does not hear that it is to end.
    return send(child.pid, "SIGCONT")
  })
  yield* child.all.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => Effect.andThen(Console.log(`${name}: ${line}`), onLine))
  )
}, Effect.scoped)

const program = Effect.gen(function* () {
  const processes = yield* FiberMap.make<string>()
  const masterListens = yield* Deferred.make<void>()
  const revive = (name: string) => {
    const onLine = name === "master" ? Deferred.succeed(masterListens, undefined) : Effect.void
    const life = Effect.andThen(run(name, onLine), Console.log(`${name}: (ended)`))
    return pids.has(name) ? Console.log(`${name} runs already.`) : FiberMap.run(processes, name, life)
  }
  yield* revive("master")
  yield* Deferred.await(masterListens)
  yield* Effect.forEach(["a", "b", "c"], revive)

  const stdio = yield* Stdio.Stdio
  yield* stdio.stdin.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => {
      const [verb = "", name = ""] = line.trim().split(/\s+/)
      const signal = signals.get(verb)
      const pid = pids.get(name)
      if (verb === "revive" && names.includes(name)) return revive(name)
      if (signal === undefined || !names.includes(name)) return Console.log(help)
      if (pid === undefined) return Console.log(`${name} does not run.`)
      return send(pid, signal)
    })
  )
  // Nobody types any more, and they live on.
  return yield* Effect.never
})

program.pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ teardown: Shutdown.teardown })
)
