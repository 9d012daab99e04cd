/** Listening on a socket that somebody else has opened, and keeps open. */
import * as Fs from "node:fs"
import * as Net from "node:net"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Address, Listener, Listening } from "../../Transport.ts"
import { boundTcpAddress } from "./listenHere.ts"
import { unknownAddress } from "./nodeAddress.ts"
import { errorDetail, transportError } from "./nodeError.ts"
import { proxyPlan } from "./proxyHeader.ts"
import { Reception } from "./reception.ts"
import type { ActivatedSettings } from "./socketOptions.ts"
import { tcpWire } from "./tcp.ts"
import { unixWire } from "./unix.ts"

const failed = (kind: "AddressInUse" | "AddressNotAvailable", fd: number, detail: string): TransportError =>
  new TransportError({ operation: "listen", kind, address: `fd:${fd}`, detail })

/** Descriptors that this process listens on. */
const taken = new Set<number>()

/** The path of a Unix socket, which the system knows by its inode. */
const unixPathOf = (fd: number): string | undefined => {
  try {
    const { ino } = Fs.fstatSync(fd)
    // Num, RefCount, Protocol, Flags, Type, St, Inode, Path.
    const line = Fs.readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .find((text) => text.trim().split(/\s+/)[6] === String(ino))
    const path = line?.trim().split(/\s+/).slice(7).join(" ")
    return path === "" ? undefined : path
  } catch {
    return undefined
  }
}

/** A Node server on the descriptor, which is Node's to close from here on. */
const bind = (fd: number, settings: ActivatedSettings): Effect.Effect<Net.Server, TransportError> =>
  Effect.callback((resume) => {
    const server = Net.createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: settings.noDelay,
      keepAlive: settings.keepAlive,
      keepAliveInitialDelay: Duration.toMillis(settings.keepAliveInitialDelay)
    })
    const onError = (error: Error) => resume(Effect.fail(transportError("listen", `fd:${fd}`, error)))
    server.once("error", onError)
    try {
      server.listen({ fd, backlog: settings.backlog, exclusive: true }, () => {
        server.off("error", onError)
        resume(Effect.succeed(server))
      })
    } catch (error) {
      // What is no socket at all.
      resume(Effect.fail(transportError("listen", `fd:${fd}`, error)))
    }
  })

/** The socket, from the first to the last that listens on it. */
class Inherited {
  readonly address: Address
  private readonly server: Net.Server
  private readonly fd: number
  private readonly maximum: number
  private readonly waiting: Array<Net.Socket> = []
  private reception: Reception | undefined
  private acceptor: Acceptor | undefined

  constructor(server: Net.Server, fd: number, maximum: number) {
    this.server = server
    this.fd = fd
    this.maximum = maximum
    const path = unixPathOf(fd)
    const bound = boundTcpAddress(server)
    this.address = bound === unknownAddress && path !== undefined ? { _tag: "Unix", path } : bound
    server.on("connection", (socket) => this.arrive(socket))
    server.on("error", (error) =>
      this.acceptor?.onError({ address: this.address, kind: "Unknown", detail: errorDetail(error) })
    )
  }

  get open(): boolean {
    return this.server.listening
  }

  /** Whoever waits and whoever comes is for this one from now on. */
  listenFor(acceptor: Acceptor, reception: Reception): void {
    this.acceptor = acceptor
    this.reception = reception
    for (const socket of this.waiting.splice(0)) {
      if (!socket.destroyed) reception.arrive(socket)
    }
  }

  /** Whoever comes waits from now on. */
  hold(): void {
    this.reception = undefined
  }

  close(): void {
    this.reception?.close()
    this.reception = undefined
    for (const socket of this.waiting.splice(0)) socket.destroy()
    if (!this.open) return
    this.server.close()
    taken.delete(this.fd)
  }

  private arrive(socket: Net.Socket): void {
    if (this.reception !== undefined) {
      this.reception.arrive(socket)
      return
    }
    socket.on("error", () => {})
    if (this.waiting.length < this.maximum) this.waiting.push(socket)
    else socket.destroy()
  }
}

/** A listener on a descriptor, which is opened when somebody listens first, and closed for good when that one stops. */
export const inheritedListener = (
  fd: number,
  settings: ActivatedSettings
): Context.Service.Shape<typeof Listener> => {
  let inherited: Inherited | undefined
  let latest: Listening | undefined
  const open = Effect.fnUntraced(function* () {
    if (inherited?.open === true) return inherited
    if (inherited !== undefined) {
      return yield* Effect.fail(
        failed("AddressNotAvailable", fd, "it was closed, and cannot be opened again")
      )
    }
    if (taken.has(fd)) return yield* Effect.fail(failed("AddressInUse", fd, "another server listens on it"))
    taken.add(fd)
    const server = yield* Effect.tapError(bind(fd, settings), () => Effect.sync(() => taken.delete(fd)))
    inherited = new Inherited(server, fd, settings.heldPeers)
    return inherited
  })
  const listen = (acceptor: Acceptor): Effect.Effect<Listening, TransportError> =>
    Effect.map(open(), (socket) => {
      const { address } = socket
      const reception = new Reception(acceptor, {
        makeWire: address._tag === "Unix" ? unixWire(address) : tcpWire,
        ...(address._tag === "Unix" && { address }),
        proxy: settings.proxyProtocol && proxyPlan(settings.proxyProtocol),
        refusesTls: settings.clientHello === "refuse"
      })
      socket.listenFor(acceptor, reception)
      const whileLatest = (work: () => void) =>
        Effect.sync(() => {
          if (latest === own) work()
        })
      const own: Listening = {
        address,
        close: whileLatest(() => socket.close()),
        hold: whileLatest(() => socket.hold())
      }
      latest = own
      return own
    })
  return {
    listen: (acceptor): Effect.Effect<Listening, TransportError, Scope.Scope> =>
      Effect.acquireRelease(listen(acceptor), ({ close }) => close)
  }
}
