/** What a listening and a connected UDP socket have in common. */
import * as Dgram from "node:dgram"
import * as Dns from "node:dns"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { TransportError } from "../../SluiceError.ts"
import type { Address } from "../../Transport.ts"
import type { Timing } from "../datagram/peers.ts"
import { unmapped } from "./nodeAddress.ts"
import { transportError } from "./nodeError.ts"

/** An address of UDP. */
export const udpAddress = ({
  address,
  port
}: {
  readonly address: string
  readonly port: number
}): Address => ({
  _tag: "Udp",
  host: unmapped(address),
  port
})

/** An IP address, and of which kind. */
export interface Resolved {
  readonly address: string
  readonly family: number
}

/** Looks a host up, or takes an address as it is. */
export const resolve = (
  operation: "listen" | "connect",
  host: string,
  target: string
): Effect.Effect<Resolved, TransportError> =>
  Effect.callback((resume) => {
    Dns.lookup(host, (error, address, family) =>
      resume(
        error === null
          ? Effect.succeed({ address, family })
          : Effect.fail(transportError(operation, target, error))
      )
    )
  })

/** A socket that never looks anything up: whatever it is given is an address. */
export const createSocket = (
  family: number,
  options: { readonly ipv6Only?: boolean; readonly receiveBuffer?: number | undefined }
): Dgram.Socket =>
  Dgram.createSocket({
    type: family === 6 ? "udp6" : "udp4",
    ipv6Only: options.ipv6Only === true,
    ...(options.receiveBuffer === undefined ? {} : { recvBufferSize: options.receiveBuffer }),
    lookup: (address, _options, callback) => callback(null, address, family)
  })

/** Closes a socket, where that has not been done. */
export const closeSocket = (socket: Dgram.Socket): void => {
  try {
    socket.close()
  } catch {
    // It was closed already, for which there is no question.
  }
}

/** The time of the fiber at hand. */
export const timing: Effect.Effect<Timing> = Effect.contextWith((context) =>
  Clock.clockWith((clock) => {
    const runFork = Effect.runForkWith(context)
    return Effect.succeed<Timing>({
      now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
      after: (milliseconds, work) => {
        const fiber = runFork(Effect.andThen(clock.sleep(Duration.millis(milliseconds)), Effect.sync(work)))
        return () => fiber.interruptUnsafe()
      }
    })
  })
)
