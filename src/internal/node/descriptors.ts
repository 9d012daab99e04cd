/**
 * File descriptors, before they run out.
 *
 * Node gives up one it keeps in reserve when a peer cannot be accepted for want of descriptors, and with it resets
 * everyone who waits, without an error or event. A descriptor is always the lowest that is free, so that a peer who got
 * the very last one tells that all others are taken. Turned away, it leaves that one for the next to be told by.
 */
import * as Fs from "node:fs"
import type * as Net from "node:net"
import type { Acceptor } from "../../Transport.ts"
import { tcpAddress } from "./nodeAddress.ts"

/** How many descriptors the process may have; infinite where the system does not tell. */
export const descriptorLimit = (): number => {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(Fs.readFileSync("/proc/self/limits", "latin1"))?.[1]
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

interface HandledSocket {
  readonly _handle?: { readonly fd?: number } | null
}

/** Turns away a peer that got the last descriptor, and says whether it did. */
export const isLast = (socket: Net.Socket, limit: number, acceptor: Acceptor): boolean => {
  // Not in the types; where Node should lose it, peers come and are reset as Node does it.
  const fd = (socket as unknown as HandledSocket)._handle?.fd ?? -1
  if (fd < limit - 1) return false
  const address = tcpAddress(socket.remoteAddress, socket.remotePort)
  socket.on("error", () => {})
  socket.destroy()
  acceptor.onError({ address, detail: "EMFILE: out of file descriptors" })
  return true
}
