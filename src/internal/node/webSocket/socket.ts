/** The WebSocket of `ws`, which closes when its wire says so. */
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
