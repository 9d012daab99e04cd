/** Listening in this process, on TCP or at a Unix path. */
import * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TransportError } from "../../SluiceError.ts"
import { type Address, formatAddress, type Listening } from "../../Transport.ts"
import { tcpAddress, unknownAddress } from "./nodeAddress.ts"
import { listenOn } from "./nodeListen.ts"
import type { Place, SocketPlan } from "./socketSource.ts"
import { clearPath, type FileIdentity, publishPath, removePath, temporaryPath } from "./unixPath.ts"

/** Where a server is to listen, as text. */
export const tcpTarget = (settings: { readonly host?: string | undefined; readonly port: number }): string =>
  settings.host === undefined
    ? `*:${settings.port}`
    : formatAddress({ _tag: "Tcp", host: settings.host, port: settings.port })

/** Where a place is, as text. */
export const targetOf = (place: Place): string =>
  place._tag === "Tcp" ? tcpTarget(place) : formatAddress({ _tag: "Unix", path: place.path })

/** Where a TCP server does listen. */
export const boundTcpAddress = (server: Net.Server): Address => {
  const bound = server.address()
  return bound === null || typeof bound === "string" ? unknownAddress : tcpAddress(bound.address, bound.port)
}

const serverFor = ({ onSocket, options }: SocketPlan): Net.Server =>
  Net.createServer({ ...options, allowHalfOpen: true, pauseOnConnect: true }, onSocket)

/** What Node looks at with each accept. */
type KeptAlive = Net.Server & {
  keepAlive?: boolean
  readonly keepAliveInitialDelay?: number
  readonly _handle?: { readonly setKeepAlive?: (on: boolean, seconds: number) => number } | null
}

/**
 * Has a socket that listens hand its keep-alive on to those it accepts, as Linux does (tcp(7): options are inherited),
 * so that Node need not ask for it with four calls at each of them. A handle that cannot, as one that is shared, is left
 * as it is. Whoever came in the moment before has none, and the deadlines of everybody.
 */
const keepAliveOnce = (server: Net.Server): void => {
  // Neither is in the types; where Node should lose one, it goes on asking each time.
  const kept: KeptAlive = server
  const { _handle, keepAlive, keepAliveInitialDelay } = kept
  if (process.platform !== "linux" || keepAlive !== true || keepAliveInitialDelay === undefined) return
  if (_handle?.setKeepAlive?.(true, keepAliveInitialDelay) === 0) kept.keepAlive = false
}

type TcpPlace = Extract<Place, { _tag: "Tcp" }>

const tcpListenOptions = ({ _tag, host, reusePort, ...options }: TcpPlace): Net.ListenOptions => ({
  ...options,
  ...(host === undefined ? {} : { host }),
  ...(reusePort === undefined ? {} : { reusePort })
})

const listenTcp = (plan: SocketPlan, place: TcpPlace) => {
  const server = serverFor(plan)
  server.once("listening", () => keepAliveOnce(server))
  return listenOn({
    server,
    options: tcpListenOptions(place),
    target: targetOf(place),
    acceptor: plan.acceptor,
    boundAddress: boundTcpAddress,
    publish: Effect.void,
    busy: plan.busy,
    onClose: plan.onClose
  })
}

const listenUnix = Effect.fnUntraced(function* (plan: SocketPlan, place: Extract<Place, { _tag: "Unix" }>) {
  const { backlog, mode, path } = place
  const address: Address = { _tag: "Unix", path }
  const target = targetOf(place)
  yield* clearPath(path, target)
  const temporary = temporaryPath(path)
  let published: FileIdentity | undefined
  return yield* listenOn({
    server: serverFor(plan),
    options: { path: temporary, backlog },
    target,
    acceptor: plan.acceptor,
    boundAddress: () => address,
    publish: publishPath(temporary, path, mode, target).pipe(
      Effect.andThen((identity) =>
        Effect.sync(() => {
          published = identity
        })
      ),
      Effect.uninterruptible
    ),
    busy: plan.busy,
    onClose: () => {
      plan.onClose()
      const detail = published === undefined ? undefined : removePath(path, published)
      if (detail !== undefined) {
        plan.acceptor.onError({ address, detail: `could not remove the socket's file: ${detail}` })
      }
    }
  })
})

/** Listens until the scope ends or `close` runs, whichever comes first. */
export const listenHere = (plan: SocketPlan): Effect.Effect<Listening, TransportError, Scope.Scope> =>
  plan.place._tag === "Tcp" ? listenTcp(plan, plan.place) : listenUnix(plan, plan.place)
