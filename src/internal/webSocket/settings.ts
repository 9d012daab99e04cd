/** The options that both ends of a WebSocket have wherever they run, as schemas. */
import * as Schema from "effect/Schema"
import type { Carriage } from "../../Transport.ts"
import { integerOption, withDefault } from "../options.ts"
import { messageFraming } from "./messageFraming.ts"

const mebibyte = 1024 * 1024

const kinds = Schema.Literals(["auto", "text", "binary", "stream"]).annotate({
  message: "must be auto, text, binary or stream"
})

/** How messages look. */
export const messageFields = {
  messages: withDefault(kinds, "auto"),
  maxMessageBytes: withDefault(integerOption(1, 1024 * mebibyte), mebibyte)
} as const

const MessageSettings = Schema.Struct(messageFields)

export type MessageSettings = typeof MessageSettings.Type

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export const subprotocols = withDefault(
  Schema.Array(
    Schema.String.check(Schema.makeFilter((name) => (token.test(name) ? undefined : "must be a token")))
  ).check(
    Schema.makeFilter((names) =>
      new Set(names).size === names.length ? undefined : "must not repeat itself"
    )
  ),
  []
)

/** What is special about the wires. */
export const messageCarriage = ({ maxMessageBytes, messages }: MessageSettings): Carriage =>
  messages === "stream"
    ? {}
    : { framing: (framing, traits) => messageFraming(framing, traits, maxMessageBytes) }

/** Whether what is marked as a text, or not, goes as text. */
export const goesAsText = ({ messages }: MessageSettings, marked: boolean): boolean =>
  messages === "text" || (messages === "auto" && marked)

/** Whether a text, or bytes, may come. */
export const mayCome = ({ messages }: MessageSettings, text: boolean): boolean =>
  messages === "auto" || messages === "stream" || (messages === "text") === text
