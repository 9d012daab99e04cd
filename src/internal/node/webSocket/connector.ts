/** Connecting a WebSocket over another connector. */
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TransportError } from "../../../SluiceError.ts"
import type { Connector, Wire } from "../../../Transport.ts"
import { errorCode, errorDetail, transportError } from "../nodeError.ts"
import { carriageOf, streamOf } from "./listener.ts"
import { type RequestSettings, socketOptions } from "./settings.ts"
import { KeptSocket } from "./socket.ts"
import { WebSocketWire } from "./wire.ts"

type Shape = Context.Service.Shape<typeof Connector>

const failed = (target: string, kind: "HandshakeFailed" | "Timeout", detail: string, cause?: unknown) =>
  new TransportError({ operation: "connect", kind, address: target, detail, cause })

/** A failure below HTTP has the system's code; any other is one of the handshake. */
const handshakeError = (target: string, error: Error): TransportError => {
  const known = transportError("connect", target, error)
  return known.kind === "Unknown" || errorCode(error) === error.message
    ? failed(target, "HandshakeFailed", errorDetail(error), error)
    : known
}

const open = (settings: RequestSettings, target: string, below: Wire) =>
  Effect.callback<Wire, TransportError>((resume) => {
    const { host, pathname, search } = new URL(settings.url)
    const stream = streamOf(below)
    const webSocket = new KeptSocket(`ws://${host}${pathname}${search}`, [...settings.subprotocols], {
      ...socketOptions(settings),
      headers: { ...settings.headers, Host: host },
      createConnection: connectionOver(stream)
    })
    const fail = (error: TransportError) => {
      webSocket.on("error", () => {})
      webSocket.terminate()
      below.destroy()
      resume(Effect.fail(error))
    }
    const onError = (error: Error) => fail(handshakeError(target, error))
    webSocket.once("error", onError)
    webSocket.once("unexpected-response", (_request: unknown, response: Http.IncomingMessage) => {
      const { statusCode, statusMessage } = response
      const meaning = statusMessage || Http.STATUS_CODES[statusCode ?? 0] || ""
      fail(failed(target, "HandshakeFailed", `HTTP ${statusCode} ${meaning}`.trim()))
    })
    let headers: Http.IncomingHttpHeaders = {}
    webSocket.once("upgrade", (response: Http.IncomingMessage) => {
      headers = response.headers
    })
    webSocket.once("open", () => {
      webSocket.off("error", onError)
      const subprotocol = webSocket.protocol === "" ? undefined : webSocket.protocol
      const handshake = { path: pathname, query: search.slice(1), headers, origin: undefined, subprotocol }
      resume(Effect.succeed(new WebSocketWire({ webSocket, stream, below, settings, handshake })))
    })
    // It came paused, so that nothing was lost on the way.
    stream.resume()
  })

/** `ws` asks for a `net.Socket`, and needs no more than a stream. */
const connectionOver = (stream: Duplex) =>
  (() => stream) as unknown as typeof import("node:net").createConnection

/** A connector over the wires of another one. */
export const upgradeConnector = (settings: RequestSettings, below: Shape): Shape => {
  const target = settings.url
  const timeout = failed(
    target,
    "Timeout",
    `no connection within ${Duration.format(settings.connectTimeout)}`
  )
  const connect = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(below.connect), (wire) =>
      Effect.onExit(restore(open(settings, target, wire)), (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) wire.destroy()
        })
      )
    )
  )
  return {
    ...carriageOf(settings),
    connect: Effect.timeoutOrElse(connect, {
      duration: settings.connectTimeout,
      orElse: () => Effect.fail(timeout)
    })
  }
}
