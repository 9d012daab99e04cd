/** The standard input and output of this process, as a listener that one peer comes to. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { TransportError } from "../../SluiceError.ts"
import type { Acceptor, Address, Listener, Listening } from "../../Transport.ts"
import { errorCode } from "./nodeError.ts"
import { StreamWire } from "./streamWire.ts"

const address: Address = { _tag: "Stdio" }

/** Standard output cannot be closed, only flushed: the peer sees its end when the process exits. */
const makeWire = (): StreamWire => {
  const { stdin, stdout } = process
  const onEnd = () => wire.inputEnded()
  const onError = (error: Error) => finish(errorCode(error))
  const finish = (error: string | undefined) => {
    stdin.off("end", onEnd)
    stdin.off("error", onError)
    stdin.pause()
    wire.closed(error)
    // From here on whoever writes there finds out by himself.
    stdout.off("error", onError)
    stdout.on("error", () => {})
  }
  const wire: StreamWire = new StreamWire(
    { readable: stdin, writable: stdout },
    { local: address, remote: address },
    {
      end: () => {
        stdout.write("", () => {
          wire.inputEnded()
          finish(undefined)
        })
      },
      release: () => finish(undefined)
    }
  )
  stdin.on("end", onEnd)
  stdin.on("error", onError)
  stdout.on("error", onError)
  return wire
}

const refused = (detail: string) =>
  Effect.fail(new TransportError({ operation: "listen", kind: "AddressInUse", address: "stdio", detail }))

let taken = false

/** There is one peer, and it is here from the start; nobody comes after it. */
export const stdioListener: Context.Service.Shape<typeof Listener> = {
  listen: (acceptor: Acceptor) =>
    Effect.suspend(() => {
      const listening: Listening = { address, close: Effect.void }
      // The one who listens again is the server whose peer it is.
      if (acceptor.again !== undefined) return Effect.succeed(listening)
      if (taken) return refused("another server has standard input and output")
      taken = true
      // Whoever listens knows its address before its first peer comes.
      queueMicrotask(() => acceptor.onWire(makeWire()))
      return Effect.succeed(listening)
    })
}
