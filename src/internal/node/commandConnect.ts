/** Starting a command, as a connector: each connection is a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TransportError } from "../../SluiceError.ts"
import type { Connector, Wire } from "../../Transport.ts"
import type { CommandOptions, ProcessExit } from "../../TransportStdio.ts"
import { Child } from "./childProcess.ts"
import type { CommandSettings } from "./commandOptions.ts"
import { LineReader } from "./lineReader.ts"
import { errorCode, errorDetail, transportError } from "./nodeError.ts"

const notStarted = (command: string, error: Error): TransportError =>
  errorCode(error) === "ENOENT"
    ? new TransportError({
        operation: "connect",
        kind: "CommandNotFound",
        address: command,
        detail: errorDetail(error),
        cause: error
      })
    : transportError("connect", command, error)

const start = (settings: CommandSettings): ChildProcessWithoutNullStreams =>
  spawn(settings.command, settings.args, {
    ...(settings.cwd === undefined ? {} : { cwd: settings.cwd }),
    env: { ...(settings.inheritEnv ? process.env : {}), ...settings.env },
    stdio: "pipe",
    windowsHide: true
  })

/** A connector that starts a process. `functions` are those of its options. */
export const commandConnector = (
  settings: CommandSettings,
  functions: Pick<CommandOptions, "onExit" | "onStderr">
): Context.Service.Shape<typeof Connector> => {
  const { command } = settings
  const killTimeout = Duration.toMillis(settings.killTimeout)
  const onStderr = functions.onStderr ?? ((line) => Effect.logDebug(`${command}: ${line}`))
  return {
    connect: Effect.contextWith((context: Context.Context<never>) =>
      Effect.callback<Wire, TransportError>((resume) => {
        const runFork = Effect.runForkWith(context)
        let child: ChildProcessWithoutNullStreams
        try {
          child = start(settings)
        } catch (error) {
          // Node refuses some arguments before it tries.
          resume(Effect.fail(transportError("connect", command, error)))
          return undefined
        }
        const onError = (error: Error) => resume(Effect.fail(notStarted(command, error)))
        child.once("error", onError)
        child.once("spawn", () => {
          child.off("error", onError)
          new LineReader(child.stderr, onStderr, runFork)
          const onExit = (exit: ProcessExit) => {
            const told = Effect.suspend(() => functions.onExit?.(exit) ?? Effect.void)
            runFork(Effect.ignoreCause(told))
          }
          // Its number is there once it has been started.
          const address = { _tag: "Process", command, pid: child.pid ?? 0 } as const
          resume(Effect.succeed(new Child(child, address, killTimeout, onExit).wire))
        })
        return Effect.sync(() => {
          child.on("error", () => {})
          // One that could not be started has the number 0, and that is our own group's.
          if (child.pid !== undefined) child.kill("SIGKILL")
        })
      })
    )
  }
}
