/** The options that servers and clients share, as schemas. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Codec from "../Codec.ts"
import type { Framing } from "../Framing.ts"
import { InvalidConfig, type MessageError, type OptionProblem } from "../SluiceError.ts"
import type { ConnectionShared } from "./connection.ts"
import { durationOption, integerOption, withDefault } from "./options.ts"

const mebibyte = 1024 * 1024

const QueueSettings = Schema.Struct({
  maxMessages: withDefault(integerOption(1, 1_000_000), 256),
  maxBytes: withDefault(integerOption(1, 1024 * mebibyte), mebibyte)
})

const defaultQueue = { maxMessages: 256, maxBytes: mebibyte }

const messageErrorPolicy = "must be close, skip, or a function from the error to a reply"

/** The fields of a server's and a client's options that say how a connection lives. */
export const connectionFields = {
  inbound: withDefault(QueueSettings, defaultQueue),
  outbound: withDefault(QueueSettings, defaultQueue),
  closeTimeout: withDefault(durationOption("1 millis", "1 hour"), Duration.seconds(5)),
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

/** Refuses a protocol that cannot work. */
export const checkProtocol = (protocol: {
  readonly problems: ReadonlyArray<OptionProblem>
}): Effect.Effect<void, InvalidConfig> =>
  protocol.problems.length === 0
    ? Effect.void
    : Effect.fail(
        new InvalidConfig({
          problems: protocol.problems.map(({ message, path }) => ({ path: `protocol.${path}`, message }))
        })
      )

/**
 * What all connections of one server or client share. The codecs' services are taken from the context here, once, so
 * that sending and receiving need none.
 */
export const makeShared = <In, Out, DecodeServices, EncodeServices, Unused1, Unused2>(options: {
  readonly framing: Framing
  readonly decoder: Codec.Codec<In, DecodeServices, Unused1>
  readonly encoder: Codec.Codec<Out, Unused2, EncodeServices>
  readonly settings: ConnectionSettings
  readonly onMessageError: OnMessageError<Out> | undefined
}): Effect.Effect<ConnectionShared<In, Out>, never, DecodeServices | EncodeServices> =>
  Effect.contextWith((context: Context.Context<DecodeServices | EncodeServices>) =>
    Clock.clockWith((clock) => {
      const { decoder, encoder, framing, onMessageError, settings } = options
      return Effect.succeed({
        framing,
        decode: (frame) => Effect.provideContext(decoder.decode(frame), context),
        encode: (message) => Effect.provideContext(encoder.encode(message), context),
        views: decoder.views,
        identity: Object.is(decoder, Codec.bytes),
        inboundLimits: settings.inbound,
        outboundLimits: settings.outbound,
        onMessageError: onMessageError ?? "close",
        closeTimeout: settings.closeTimeout,
        clock
      })
    })
  )
