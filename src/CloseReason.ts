/**
 * Why a connection ended.
 *
 * A connection has exactly one reason: the first thing that ended it. Everyone who asks gets the same one.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type { RefusedReason } from "./Admission.ts"
import type { Deadline } from "./Deadlines.ts"
import type * as Error from "./SluiceError.ts"

/**
 * Why a connection ended.
 *
 * - `PeerClosed`: the peer ended its side in good order; `code` is the number that a WebSocket's peer gave
 * - `LocalClosed`: our handler completed, or someone here called `close` or `abort`
 * - `PeerReset`: the peer or the network broke the connection; `detail` is the system's word for it, `code` again
 * - `FrameError`: the peer's bytes broke the framing
 * - `MessageError`: a frame was not a message of the protocol, and the policy is to close
 * - `HandlerFailed`: our handler failed or died; the cause is kept
 * - `HeartbeatTimeout`: the peer gave no sign of life, see `Heartbeat`
 * - `DeadlineExceeded`: the peer took too long for what it owed, or the connection lived long enough; see `Deadlines`
 * - `RateExceeded`: the peer sent more messages or bytes than `inbound.rate` allows, and the policy is to close
 * - `SlowConsumer`: the peer did not take its messages in time, and the policy is to disconnect; so many messages and
 *   bytes waited for it, see `Outbound`
 * - `MemoryExceeded`: the server's connections together held more than `memory.maxBytes`, and this one the most of all:
 *   so many bytes of the budget. What it had not handled, and its peer not taken, is lost
 * - `Refused`: the peer was not admitted; `error` is what `Handler.authenticate` rejected it with
 * - `TlsFailed`: `startTls` had begun and did not come to an agreement
 * - `ServerStopped`: the server was stopped while the connection was open
 *
 * @category models
 * @since 0.1.0
 */
export type CloseReason = Data.TaggedEnum<{
  PeerClosed: { readonly code?: number | undefined }
  LocalClosed: {}
  PeerReset: { readonly detail: string; readonly code?: number | undefined }
  FrameError: { readonly error: Error.FrameError }
  MessageError: { readonly error: Error.MessageError }
  HandlerFailed: { readonly cause: Cause.Cause<unknown> }
  HeartbeatTimeout: {}
  DeadlineExceeded: { readonly deadline: Deadline }
  RateExceeded: { readonly limit: "messages" | "bytes" }
  SlowConsumer: { readonly messages: number; readonly bytes: number }
  MemoryExceeded: { readonly held: number; readonly budget: number }
  Refused: { readonly reason: RefusedReason; readonly error?: unknown }
  TlsFailed: { readonly error: Error.TransportError }
  ServerStopped: {}
}>

/**
 * The reasons that are somebody's fault and leave the peer listening, so that a server can tell it what was wrong: see
 * `farewell` in the options of a server.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = Extract<
  CloseReason,
  {
    readonly _tag:
      | "FrameError"
      | "MessageError"
      | "HandlerFailed"
      | "HeartbeatTimeout"
      | "DeadlineExceeded"
      | "RateExceeded"
      | "SlowConsumer"
  }
>

/**
 * Constructors, `$is` and `$match` of the close reasons.
 *
 * @category constructors
 * @since 0.1.0
 */
export const CloseReason = Data.taggedEnum<CloseReason>()
