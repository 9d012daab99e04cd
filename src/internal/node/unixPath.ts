/**
 * The file of a Unix socket: never one of somebody else's is removed or replaced.
 *
 * The server listens under a name beside the path, which is then linked to the path. So the path appears only
 * once peers are answered and permissions are set, and Node's own clean-up, which removes whatever it finds
 * under the name it bound, never sees the path.
 */
import { randomBytes } from "node:crypto"
import * as NodeFs from "node:fs"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Path from "node:path"
import * as Effect from "effect/Effect"
import { TransportError } from "../../SluiceError.ts"
import { errorCode, errorDetail, transportError } from "./nodeError.ts"
import { maximumPathBytes } from "./socketOptions.ts"

const failed = (target: string, error: unknown): TransportError => transportError("listen", target, error)

const inUse = (target: string, detail: string): TransportError =>
  new TransportError({ operation: "listen", kind: "AddressInUse", address: target, detail })

/** A file, whatever its name. */
export interface FileIdentity {
  readonly dev: number
  readonly ino: number
}

const sameFile = (a: FileIdentity, b: FileIdentity): boolean => a.dev === b.dev && a.ino === b.ino

const stat = (path: string, target: string) =>
  Effect.tryPromise({ try: () => Fs.lstat(path), catch: (error) => error }).pipe(
    Effect.catch((error) =>
      errorCode(error) === "ENOENT" ? Effect.succeed(undefined) : Effect.fail(failed(target, error))
    )
  )

/** Whether somebody answers on the socket at `path`; undefined where it is gone meanwhile. */
const isLive = (path: string): Effect.Effect<boolean | undefined> =>
  Effect.callback((resume) => {
    const socket = Net.connect({ path })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", (error) => {
      const code = errorCode(error)
      // Anything but a refusal (a full backlog, no permission) may well be a living server.
      resume(Effect.succeed(code === "ENOENT" ? undefined : code !== "ECONNREFUSED"))
    })
    return Effect.sync(() => {
      socket.on("error", () => {})
      socket.destroy()
    })
  })

/** Makes room at `path`: removes a socket that nobody answers on, and nothing else. */
export const clearPath = Effect.fnUntraced(function* (path: string, target: string) {
  const directory = Path.dirname(path)
  yield* Effect.tryPromise({
    try: () => Fs.access(directory, NodeFs.constants.W_OK | NodeFs.constants.X_OK),
    catch: (error) => failed(target, error)
  })
  const before = yield* stat(path, target)
  if (before === undefined) {
    return
  }
  if (!before.isSocket()) {
    return yield* Effect.fail(inUse(target, "a file is at this path, and it is not a socket"))
  }
  if (yield* isLive(path)) {
    return yield* Effect.fail(inUse(target, "another server listens at this path"))
  }
  const after = yield* stat(path, target)
  if (after === undefined) {
    return
  }
  if (!sameFile(before, after)) {
    return yield* Effect.fail(inUse(target, "another server took this path"))
  }
  yield* Effect.tryPromise({ try: () => Fs.unlink(path), catch: (error) => failed(target, error) })
})

/** A free name beside `path` that is no longer than the system allows, which `path` itself may just be. */
export const temporaryPath = (path: string): string => {
  const directory = Path.dirname(path)
  const room = Math.min(16, maximumPathBytes - Buffer.byteLength(directory) - 1)
  const candidate = Path.join(directory, `.sluice-${randomBytes(4).toString("hex")}`.slice(-room))
  return candidate === path || NodeFs.existsSync(candidate) ? temporaryPath(path) : candidate
}

// File systems without hard links for sockets answer one of these.
const noLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])

const linkOrRename = async (temporary: string, path: string): Promise<void> => {
  try {
    await Fs.link(temporary, path)
    await Fs.unlink(temporary)
  } catch (error) {
    if (!noLinks.has(errorCode(error)) || NodeFs.existsSync(path)) {
      throw error
    }
    await Fs.rename(temporary, path)
  }
}

/** Moves the socket at `temporary` to `path`, unless somebody was faster; gives the file's identity. */
export const publishPath = (
  temporary: string,
  path: string,
  mode: number | undefined,
  target: string
): Effect.Effect<FileIdentity, TransportError> =>
  Effect.tryPromise({
    try: async () => {
      if (mode !== undefined) {
        await Fs.chmod(temporary, mode)
      }
      const identity = await Fs.lstat(temporary)
      await linkOrRename(temporary, path)
      return identity
    },
    catch: (error) =>
      errorCode(error) === "EEXIST" ? inUse(target, "another server took this path") : failed(target, error)
  })

/** Removes the file at `path` if it still is the one that `publishPath` put there. */
export const removePath = (path: string, identity: FileIdentity): string | undefined => {
  try {
    if (sameFile(NodeFs.lstatSync(path), identity)) {
      NodeFs.unlinkSync(path)
    }
    return undefined
  } catch (error) {
    return errorCode(error) === "ENOENT" ? undefined : errorDetail(error)
  }
}
