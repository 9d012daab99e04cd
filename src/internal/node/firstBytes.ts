/**
 * Looking at what comes first on a socket, before anybody else reads it.
 */
import type * as Net from "node:net"

/** Who looks. */
export interface FirstLook {
  /**
   * Sees all that has come so far, each time that more has, and answers how many of those bytes it takes. `wait` asks for
   * more; `close` gives the socket up.
   */
  readonly look: (bytes: Buffer) => number | "wait" | "close"
  /** The bytes were taken, all others have been put back, and the socket is paused again. */
  readonly taken: () => void
  /** The peer ended its side before. */
  readonly ended: () => void
}

/** Looks; the result gives up looking and puts everything back. */
export const takeFirst = (socket: Net.Socket, { ended, look, taken }: FirstLook): (() => void) => {
  let held: Buffer = Buffer.alloc(0)
  const stop = (used: number): void => {
    socket.pause()
    socket.off("data", onData)
    socket.off("end", ended)
    if (used < held.length) socket.unshift(held.subarray(used))
  }
  const onData = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const answer = look(held)
    if (answer === "wait") return
    stop(answer === "close" ? held.length : answer)
    if (answer !== "close") taken()
  }
  socket.on("data", onData)
  socket.on("end", ended)
  socket.resume()
  return () => stop(0)
}
