/** HTTP/1.1 (RFC 9110 and RFC 9112) as a protocol value, as a server speaks it. */
import { Codec, Protocol, SluiceError } from "effect-sluice"
import { RequestDecoder } from "./decoder.ts"
import { defaults, type Limits } from "./limits.ts"
import type { Message } from "./request.ts"
import type { Reply } from "./response.ts"

/** Requests as they are parsed, responses as they are written: both say themselves where they end. */
export const http = (limits: Limits = defaults): Protocol.Protocol<Message, Reply> =>
  Protocol.make("HTTP/1.1", {
    fromClient: Codec.selfDelimiting<Message>("request", {
      maxLength: limits.head + limits.body,
      makeDecoder: () => new RequestDecoder(limits),
      encode: () => new SluiceError.CodecError({ codec: "request", issues: [serversOnly] })
    }),
    fromServer: Codec.selfDelimiting<Reply>("response", {
      maxLength: Number.MAX_SAFE_INTEGER,
      makeDecoder: () => ({ push: noClient, end: noClient, remaining: noBytes, buffered: 0, skipped: 0 }),
      encode: (reply, out) => {
        if (reply._tag === "Answer") return reply.response.write(reply, out)
        out.writeBytes(goOn)
        return undefined
      }
    })
  })

const goOn = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n")

const serversOnly = { path: "", message: "this example has no client" }
const noClient = () => new SluiceError.FrameCorrupted({ detail: serversOnly.message })
const noBytes = () => new Uint8Array(0)
