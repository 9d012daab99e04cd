/** The WebSocket of `ws`, which closes when its wire says so. */
import type { Writable } from "node:stream"
import { WebSocket } from "ws"

/** Whoever decides how and when a socket closes. */
export interface CloseKeeper {
  /** `ws` itself wants to close: the peer's close frame has come, or the peer broke the rules. */
  readonly closeAsked: (code: number | undefined, text: string | Buffer | undefined) => void
}

/**
 * `ws` answers a close frame at once. Here the answer may wait, so that what the peer asked for before can still be sent:
 * RFC 6455, section 5.5.1, lets an end finish what it is sending.
 */
export class KeptSocket extends WebSocket {
  keeper: CloseKeeper | undefined = undefined

  override close(code?: number, text?: string | Buffer): void {
    if (this.keeper === undefined) super.close(code, text)
    else this.keeper.closeAsked(code, text)
  }

  /** Closes, whoever keeps it. */
  closeNow(code?: number, text?: string | Buffer): void {
    super.close(code, text)
  }
}

/** What parses frames in `ws`. */
interface Receiver {
  readonly _errored: boolean
  _write: Writable["_write"]
}

/**
 * Chunks that came while a message was being inflated are all written to the parser of `ws` 8.23, even those behind one
 * that it has found a mistake in; and then it throws, which nobody catches. So it gets no more after a mistake.
 */
export const stopAfterMistake = (webSocket: KeptSocket): void => {
  // Not in the types; where `ws` should lose it, it is as it is, and a test says so.
  const receiver = Reflect.get(webSocket, "_receiver") as Receiver | undefined
  if (typeof receiver?._write !== "function") return
  const write = receiver._write
  receiver._write = (chunk, encoding, callback) => {
    if (receiver._errored) callback()
    else Reflect.apply(write, receiver, [chunk, encoding, callback])
  }
}
