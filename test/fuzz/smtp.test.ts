/** `examples/smtp` under mutated conversations: answered line by line as its session says, and nothing else. */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { Smtp } from "../../examples/smtp/protocol.ts"
import { farewell, serve } from "../../examples/smtp/serve.ts"
import * as Session from "../../examples/smtp/session.ts"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { assault, type Outcome } from "./support/assault.ts"
import type { Tokens } from "./support/fuzz.ts"

const text = (...parts: ReadonlyArray<string>): Tokens => parts.map((part) => Buffer.from(part, "latin1"))

const short: ReadonlyArray<Tokens> = [
  text(
    ...["EHLO", " ", "there", "\r\n", "MAIL", " ", "FROM:", "<", "a@b", ">", " ", "SIZE=", "100", "\r\n"],
    ...["RCPT", " ", "TO:", "<", "c@d", ">", "\r\n", "DATA", "\r\n", "Subject: x", "\r\n", "\r\n"],
    ...["..", "dot", "\r\n", "line", "\r\n", ".", "\r\n", "RSET", "\r\n", "QUIT", "\r\n", "NOOP", "\r\n"]
  ),
  text(
    ...[
      "HELO",
      " ",
      "x",
      "\r\n",
      "STARTTLS",
      "\r\n",
      "EHLO",
      " ",
      "y",
      "\r\n",
      "NOOP",
      "\r\n",
      "VRFY",
      "\r\n"
    ],
    ...["MAIL", " ", "FROM:", "<", ">", "\r\n", "RCPT", " ", "TO:", "<", "e@f", ">", "\r\n"],
    ...["RCPT", " ", "TO:", "<", "g@h", ">", "\r\n", "DATA", "\r\n", ".", "\r\n", "QUIT", "\r\n"]
  )
]

/** Lines as long as they may be. */
const long = text(
  "EHLO a",
  "\r\n",
  "x".repeat(990),
  "\r\n",
  "NOOP",
  "\r\n",
  "y".repeat(998),
  "\r\n",
  "QUIT",
  "\r\n"
)

// They cost three times as much and find less, so that they are fewer.
const conversations = [...short, ...short, ...short, long]

const unavailable = "454 no TLS here"

/** All that a server says to a client, by the rules of the session alone. */
const answers = (sent: Uint8Array): string => {
  const lines = Buffer.from(sent).toString("latin1").split("\r\n")
  // Half of what ends a line does not count.
  const rest = (lines.pop() ?? "").replace(/\r$/, "")
  const said = ["220 sluice ESMTP"]
  let session = Session.begin(false)
  for (const [index, line] of [...lines, rest].entries()) {
    if (line.length > 998) return spoken([...said, "500 that line is too long"])
    // What never ended is no line.
    if (index === lines.length) break
    const step = Session.next(session, line)
    session = step.session
    if (step.action === "startTls") said.push(unavailable)
    said.push(...step.replies)
    if (step.action === "close") break
  }
  return spoken(said)
}

const spoken = (lines: ReadonlyArray<string>): string => lines.map((line) => `${line}\r\n`).join("")

const judge = ({ ended, error, heard, sent }: Outcome): string | undefined => {
  if (error !== undefined || !ended) return `not closed in good order: ${error}`
  const [is, should] = [Buffer.from(heard).toString("latin1"), answers(sent)]
  return is === should ? undefined : `answered ${JSON.stringify(is)}, not ${JSON.stringify(should)}`
}

describe("SMTP", () => {
  it.live("answers line by line", () =>
    Effect.gen(function* () {
      const handler = serve({
        startTls: (client) => client.send(unavailable),
        deliver: () => Effect.void
      })
      const server = yield* Server.make(Smtp, handler, { farewell })
      yield* assault({ name: "smtp", server, conversations, judge })
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))
  )
})
