/** The options that servers and clients share, as schemas. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ByteWriter } from "../ByteWriter.ts"
import * as Codec from "../Codec.ts"
import type { IdleHandler } from "../Connection.ts"
import type { Framing } from "../Framing.ts"
import type { Beats } from "../Heartbeat.ts"
import * as Outbound from "../Outbound.ts"
import { InvalidConfig, type MessageError, type OptionProblem } from "../SluiceError.ts"
import type { Hello } from "../Versions.ts"
import { Detour, directOf } from "./codec/direct.ts"
import { messageFraming } from "./codec/selfDelimiting.ts"
import type { ConnectionShared } from "./connectionShared.ts"
import { type Carried, framingFor } from "./datagram/carriedBy.ts"
import { DeadlineScheduler } from "./deadlineScheduler.ts"
import { type DeadlineTimes, heartbeatSettings } from "./deadlineSettings.ts"
import { planHeartbeat } from "./heartbeatPlan.ts"
import { decodeOptions, durationOption, integerOption, withDefault } from "./options.ts"
import { planRate } from "./rateGate.ts"
import { helloOffset, helloPayload } from "./versions.ts"

const mebibyte = 1024 * 1024

const queueFields = {
  maxMessages: withDefault(integerOption(1, 1_000_000), 256),
  maxBytes: withDefault(integerOption(1, 1024 * mebibyte), mebibyte)
}

const RateSettings = Schema.Struct({
  messages: Schema.optional(integerOption(1, 1_000_000_000)),
  bytes: Schema.optional(integerOption(1, 1_000_000_000_000)),
  burst: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(1)),
  exceeded: withDefault(
    Schema.Literals(["pause", "close"]).annotate({ message: "must be pause or close" }),
    "pause"
  )
})

const InboundSettings = Schema.Struct({
  ...queueFields,
  perTurn: withDefault(integerOption(1, 1_000_000), 1024),
  rate: Schema.optional(RateSettings)
})

const OutboundSettings = Schema.Struct({
  ...queueFields,
  policy: withDefault(
    Schema.Unknown.check(
      Schema.makeFilter((policy) => (Outbound.isPolicy(policy) ? undefined : "must be a policy of Outbound"))
    ),
    Outbound.suspend
  )
})

const defaultQueue = { maxMessages: 256, maxBytes: mebibyte }

const messageErrorPolicy = "must be close, skip, or a function from the error to a reply"

/** The fields of a server's and a client's options that say how a connection lives. */
export const connectionFields = {
  inbound: withDefault(InboundSettings, { ...defaultQueue, perTurn: 1024 }),
  outbound: withDefault(OutboundSettings, { ...defaultQueue, policy: Outbound.suspend }),
  closeTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(5)),
  heartbeat: heartbeatSettings,
  onIdle: withDefault(
    Schema.Unknown.check(
      Schema.makeFilter((policy) =>
        policy === "close" || typeof policy === "function"
          ? undefined
          : "must be close, or a function from the connection to an effect"
      )
    ),
    "close"
  ),
  onMessageError: withDefault(
    Schema.Unknown.check(
      Schema.makeFilter((policy) =>
        policy === "close" || policy === "skip" || typeof policy === "function"
          ? undefined
          : messageErrorPolicy
      )
    ),
    "close"
  )
} as const

const ConnectionSettings = Schema.Struct(connectionFields)

type ConnectionSettings = typeof ConnectionSettings.Type

/** What to do with a frame that is no message of the protocol. */
export type OnMessageError<Out> = "close" | "skip" | ((error: MessageError) => Out)

/** Whether options say when to ping. */
const asksForHeartbeat = (options: unknown): boolean =>
  Predicate.hasProperty(options, "heartbeat") &&
  options.heartbeat !== undefined &&
  options.heartbeat !== "off"

/** Options on top of a protocol. All that is wrong with either is told at once. */
export const decodeSettings = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  options: unknown,
  protocol: Carried & {
    readonly problems: ReadonlyArray<OptionProblem>
    readonly heartbeat?: unknown
    readonly switchable?: boolean | undefined
  }
): Effect.Effect<S["Type"], InvalidConfig> =>
  Effect.flatMap(Effect.result(decodeOptions(schema, options)), (decoded) => {
    const problems = protocol.problems.map(({ message, path }) => ({ path: `protocol.${path}`, message }))
    // One that may be left for another may find its heartbeat there.
    const pings =
      protocol.heartbeat !== undefined || protocol.switchable === true || protocol.carriage?.pings === true
    if (!pings && asksForHeartbeat(options)) {
      problems.push({ path: "heartbeat", message: "the protocol has no heartbeat messages" })
    }
    if (Result.isFailure(decoded)) problems.push(...decoded.failure.problems)
    else if (problems.length === 0) return Effect.succeed(decoded.success)
    return Effect.fail(new InvalidConfig({ problems }))
  })

/** What connections share of their protocol, with the services of its codecs. */
export const protocolFields = <In, Out, DecodeServices, EncodeServices, Unused1, Unused2>(
  protocol: {
    readonly framing: Framing
    readonly selfDelimiting?: boolean | undefined
    readonly switchable?: boolean | undefined
  },
  decoder: Codec.Codec<In, DecodeServices, Unused1>,
  encoder: Codec.Codec<Out, Unused2, EncodeServices>,
  context: Context.Context<DecodeServices | EncodeServices>
) => ({
  switchable: protocol.switchable === true,
  ...(protocol.selfDelimiting === true
    ? messageFraming(decoder, encoder)
    : { framing: protocol.framing, messageFrames: false, ...codecFields(decoder, encoder, context) })
})

const codecFields = <In, Out, DecodeServices, EncodeServices, Unused1, Unused2>(
  decoder: Codec.Codec<In, DecodeServices, Unused1>,
  encoder: Codec.Codec<Out, Unused2, EncodeServices>,
  context: Context.Context<DecodeServices | EncodeServices>
) => {
  const [incoming, outgoing] = [directOf(decoder), directOf(encoder)]
  return {
    decode: (frame: Uint8Array) => Effect.provideContext(decoder.decode(frame), context),
    encode: (message: Out) => Effect.provideContext(encoder.encode(message), context),
    decodeNow: incoming.decode,
    encodeNow: (message: Out, out: ByteWriter) => {
      const detour = outgoing.encode(message, out)
      return detour === undefined ? undefined : new Detour(Effect.provideContext(detour.effect, context))
    },
    views: decoder.views,
    identity: Object.is(decoder, Codec.bytes),
    identityOut: Object.is(encoder, Codec.bytes)
  }
}

/**
 * What all connections of one server or client share. The codecs' services are taken from the context here, once, so
 * that sending and receiving need none.
 */
export const makeShared = <In, Out, DecodeServices, EncodeServices, Unused1, Unused2>(options: {
  readonly protocol: Carried & {
    readonly framing: Framing
    readonly selfDelimiting?: boolean | undefined
    readonly switchable?: boolean | undefined
    readonly versions?: { readonly hello: Hello } | undefined
  }
  readonly side: "server" | "client"
  readonly decoder: Codec.Codec<In, DecodeServices, Unused1>
  readonly encoder: Codec.Codec<Out, Unused2, EncodeServices>
  /** Other codecs that a hello may agree on. */
  readonly codecs: ReadonlyArray<{
    readonly name: string
    readonly decoder: Codec.Codec<In, DecodeServices, Unused1>
    readonly encoder: Codec.Codec<Out, Unused2, EncodeServices>
  }>
  readonly settings: ConnectionSettings & { readonly deadlines: DeadlineTimes }
  readonly policy: Outbound.Policy<Out> | undefined
  readonly onMessageError: OnMessageError<Out> | undefined
  readonly onIdle: "close" | IdleHandler<Out> | undefined
  /** The heartbeat messages that this end sends, and those of the other. */
  readonly beats: { readonly ours?: Beats<Out, In> | undefined; readonly theirs?: Beats<In, Out> | undefined }
}): Effect.Effect<ConnectionShared<In, Out>, never, DecodeServices | EncodeServices | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<DecodeServices | EncodeServices | Scope.Scope>) =>
    Clock.clockWith((clock) => {
      const { beats, codecs, decoder, encoder, onIdle, onMessageError, policy, protocol, settings, side } =
        options
      const { carriage } = protocol
      // The same time without a bigint, where nobody has brought a clock: it is asked twice a chunk.
      const live = clock === Context.get(Context.empty(), Clock.Clock)
      const now = live ? () => performance.now() : () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const random = Context.get(context, Random.Random)
      const fork = Effect.runForkWith(context)
      const scheduler = new DeadlineScheduler(clock, now, fork)
      const nextDouble = () => random.nextDoubleUnsafe()
      const fields = protocolFields(protocol, decoder, encoder, context)
      const encoders = [encoder, ...codecs.map((codec) => codec.encoder)]
      const shared: ConnectionShared<In, Out> = {
        ...fields,
        framing: framingFor(fields, carriage, encoders),
        carriage,
        inboundLimits: settings.inbound,
        perTurn: settings.inbound.perTurn,
        rate: settings.inbound.rate && planRate(settings.inbound.rate),
        outboundLimits: settings.outbound,
        outboundPolicy: policy ?? Outbound.suspend,
        onMessageError: onMessageError ?? "close",
        closeTimeout: settings.closeTimeout,
        closeMillis: Duration.toMillis(settings.closeTimeout),
        clock,
        now,
        deadlines: { scheduler, times: settings.deadlines, random: nextDouble },
        onIdle: onIdle ?? "close",
        heartbeat: planHeartbeat(beats, settings.heartbeat, nextDouble, carriage?.pings === true),
        heartbeatSettings: settings.heartbeat,
        greeting: protocol.versions && {
          side,
          hello: protocol.versions.hello,
          payload: helloPayload(protocol.framing, protocol.versions.hello),
          offset: helloOffset(protocol.framing),
          codecs: new Map(
            codecs.map(({ decoder, encoder, name }) => [name, codecFields(decoder, encoder, context)])
          ),
          variants: new Map()
        },
        fork
      }
      return Effect.as(
        Effect.addFinalizer(() => Effect.sync(() => scheduler.dispose())),
        shared
      )
    })
  )
