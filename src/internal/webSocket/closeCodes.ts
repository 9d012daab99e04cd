/** The close codes of RFC 6455, section 7.4.1, and why connections end. */
import { CloseReason } from "../../CloseReason.ts"
import type { FrameError } from "../../SluiceError.ts"

/** A code and a few words, which the peer's program gets. */
export interface Closing {
  readonly code: number
  readonly text: string
}

/** Codes by which a peer says that something is wrong with us; any other one speaks of itself. */
const complaints: ReadonlySet<number> = new Set([1002, 1003, 1006, 1007, 1008, 1009, 1010, 1015])

const meanings: Readonly<Record<number, string>> = {
  1002: "protocol error",
  1003: "unsupported data",
  1006: "no close frame",
  1007: "invalid data",
  1008: "policy violation",
  1009: "message too big",
  1010: "extension required",
  1011: "internal error",
  1013: "try again later",
  1014: "bad gateway",
  1015: "TLS handshake failed"
}

/** What browsers may not say they say with a code from the range for applications: 1009 as 4009. */
const shift = 3000

/** The code as a browser may send it: 1000, or one from 3000 up. */
export const browserCode = (code: number): number => (code === 1000 || code >= shift ? code : code + shift)

const unshifted = (code: number): number => (code >= 4000 && code <= 4015 ? code - shift : code)

/** Whether the peer closed in good order. */
export const isOrderly = (code: number): boolean => !complaints.has(unshifted(code))

/** A code and the peer's words, as the detail of a reason, which may stand in a log: in one line. */
export const describeCode = (code: number, words: string): string => {
  const text = words.replaceAll(/\p{Cc}/gu, " ")
  const meaning = meanings[unshifted(code)]
  const named = meaning === undefined ? String(code) : `${code} (${meaning})`
  return text === "" ? `closed with ${named}` : `closed with ${named}: ${text}`
}

const closing = (code: number, text: string): Closing => ({ code, text })

/** What to tell the peer. Undefined stands for an end of our side while its own goes on. */
export const closingOf = (reason: CloseReason | undefined): Closing =>
  reason === undefined ? closing(1000, "") : match(reason)

const match = CloseReason.$match({
  PeerClosed: () => closing(1000, ""),
  LocalClosed: () => closing(1000, ""),
  PeerReset: () => closing(1000, ""),
  FrameError: ({ error }) => frameClosing(error),
  MessageError: () => closing(1007, "not a message of this protocol"),
  HandlerFailed: () => closing(1011, "internal error"),
  HeartbeatTimeout: () => closing(1011, "no answer to pings"),
  DeadlineExceeded: ({ deadline }) =>
    deadline === "lifetime" ? closing(1001, "connected long enough") : closing(1008, `${deadline} deadline`),
  RateExceeded: ({ limit }) => closing(1008, `too many ${limit}`),
  SlowConsumer: () => closing(1008, "too slow"),
  MemoryExceeded: () => closing(1013, "out of memory"),
  Refused: ({ reason }) =>
    reason === "full" || reason === "address" || reason === "rate"
      ? closing(1013, reason)
      : closing(1008, reason),
  TlsFailed: () => closing(1011, "TLS failed"),
  ServerStopped: () => closing(1001, "going away")
})

/** A broken rule of the protocol in our own words, never in those of the peer. */
const frameClosing = (error: FrameError): Closing => {
  switch (error._tag) {
    case "FrameTooLong":
      return closing(1009, `more than ${error.limit} bytes`)
    case "FrameCorrupted":
    case "FrameTruncated":
    case "UnexpectedPreamble":
      return closing(1002, "broken frame")
    case "InvalidConfig":
      return closing(1011, "internal error")
  }
}
