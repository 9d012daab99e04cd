import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { ByteWriter } from "../ByteWriter.ts"
import type { Farewell, IdleHandler } from "../Connection.ts"
import type { Framing } from "../Framing.ts"
import type { Policy, PolicyName } from "../Outbound.ts"
import type { CodecError, MessageError } from "../SluiceError.ts"
import type { Carriage } from "../Transport.ts"
import type { Detour } from "./codec/direct.ts"
import type { ConnectionImpl } from "./connection.ts"
import type { HeartbeatSettings } from "./deadlineSettings.ts"
import type { DeadlinesShared } from "./deadlineWatch.ts"
import type { GreetingPlan } from "./greeting.ts"
import type { HeartbeatPlan } from "./heartbeatPlan.ts"
import type { MemoryBudget } from "./memoryBudget.ts"
import type { RatePlan } from "./rateGate.ts"
import type { Fork } from "./runConnection.ts"
import type { SkipPolicy } from "./skips.ts"

/** What all connections of a server or client share. */
export interface ConnectionShared<In, Out> {
  /** The protocol's, or the one that stands in for it. */
  readonly framing: Framing
  /** What is special about the wires. */
  readonly carriage: Carriage | undefined
  readonly decode: (frame: Uint8Array) => Effect.Effect<In, CodecError>
  readonly encode: (message: Out) => Effect.Effect<Uint8Array, CodecError>
  /** Both as plain functions, for messages that need no effect. Where `decodeNow` is not through, `decode` is. */
  readonly decodeNow: (frame: Uint8Array) => In | Detour<In, unknown>
  readonly encodeNow: (message: Out, out: ByteWriter) => Detour<Uint8Array> | undefined
  /** Whether the protocol may be left. */
  readonly switchable: boolean
  /** Whether messages may be views into their frames, and whether they are the frames. */
  readonly views: boolean
  readonly identity: boolean
  /** Whether messages are their payloads when sent. */
  readonly identityOut: boolean
  /** Whether what the framing calls frames and payloads are messages, of a protocol whose messages delimit themselves. */
  readonly messageFrames: boolean
  readonly inboundLimits: { readonly maxMessages: number; readonly maxBytes: number }
  /** How many frames of a peer are handled in one turn. */
  readonly perTurn: number
  readonly rate: RatePlan | undefined
  readonly outboundLimits: { readonly maxMessages: number; readonly maxBytes: number }
  /** What becomes of a message that finds the queue full. */
  readonly outboundPolicy: Policy<Out>
  readonly onMessageError: "close" | "skip" | ((error: MessageError) => Out)
  readonly closeTimeout: Duration.Duration
  readonly closeMillis: number
  readonly clock: Clock.Clock
  /** Milliseconds of the clock's monotonic time. */
  readonly now: () => number
  readonly deadlines: DeadlinesShared
  readonly onIdle: "close" | IdleHandler<Out>
  readonly heartbeat: HeartbeatPlan<In, Out> | undefined
  /** How connections begin, where their protocol has a hello. */
  readonly greeting: GreetingPlan<In, Out> | undefined
  /** When to ping, for protocols that are entered later. */
  readonly heartbeatSettings: HeartbeatSettings
  /** Runs an effect that belongs to no fiber. */
  readonly fork: Fork<never>
  /** What all connections together may hold. */
  memory?: MemoryBudget
  /** Tells of frames that were no messages, and after which a connection lives on. */
  tellSkipped?: (
    connection: ConnectionImpl<In, Out>,
    policy: SkipPolicy,
    messages: number,
    error: MessageError
  ) => void
  /** The last word to a peer whose connection ends by somebody's fault. */
  farewell?: Farewell<Out>
  /** Drains one connection, with the goodbye that the server says. */
  retire?: (connection: ConnectionImpl<In, Out>) => void
  /** Tells of messages that a connection's peer will not get. */
  tellDropped?: (
    connection: ConnectionImpl<In, Out>,
    policy: PolicyName,
    messages: number,
    bytes: number
  ) => void
}
