/** SMTP as messages (RFC 5321): lines that end with CR and LF, and with nothing less. */
import { Effect } from "effect"
import { Codec, Framing, Protocol } from "effect-sluice"

/** Bytes as they are, one character each: mail may be in any character set. */
const latin1 = Codec.make<string>("latin1", {
  decode: (frame) => Effect.succeed(Buffer.from(frame).toString("latin1")),
  encode: (line) => Effect.succeed(Buffer.from(line, "latin1")),
  views: false
})

/**
 * `switchable`, so that STARTTLS can leave plain text behind a line, wherever the network cut it. A line has at most 998
 * characters (RFC 5322, section 2.1.1), a command of ours no more than that.
 */
export const Smtp = Protocol.switchable(
  Protocol.make("SMTP", {
    framing: Framing.delimiter("\r\n", { maxLength: 998 }),
    fromClient: latin1,
    fromServer: latin1
  })
)
