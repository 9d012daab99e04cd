/** The peers that are between their first byte and an open WebSocket. */
import * as Http from "node:http"
import type { Duplex } from "node:stream"
import * as Duration from "effect/Duration"
import { type Server, WebSocketServer } from "ws"
import type { Acceptor, Address, Wire } from "../../../Transport.ts"
import { errorCode, errorDetail } from "../nodeError.ts"
import { choose, handshakeOf, judge, type Refusal, serves } from "./judge.ts"
import { socketOptions, type UpgradeSettings } from "./settings.ts"
import { KeptSocket } from "./socket.ts"
import { WebSocketWire } from "./wire.ts"

interface Pending {
  readonly address: Address
  readonly below: Wire
  readonly deadline: NodeJS.Timeout
  detail: string | undefined
}

/** How long the answer to a peer that is turned away may take, in milliseconds. */
const refusalTimeout = 1000

/** Makes WebSockets of requests, ends the slow ones, tells of those that fail, each once. */
export class Upgrades {
  private readonly settings: UpgradeSettings
  private readonly acceptor: Acceptor
  private readonly timeout: number
  private readonly webSockets: Server<typeof KeptSocket>
  private readonly pending = new Map<Duplex, Pending>()
  private onIdle: (() => void) | undefined

  constructor(settings: UpgradeSettings, acceptor: Acceptor) {
    this.settings = settings
    this.acceptor = acceptor
    this.timeout = Duration.toMillis(settings.handshakeTimeout)
    this.webSockets = new WebSocketServer({
      ...socketOptions(settings),
      noServer: true,
      clientTracking: false,
      handleProtocols: (offered) => choose(settings, offered) ?? false,
      WebSocket: KeptSocket
    })
    this.webSockets.on("wsClientError", (error, stream) =>
      this.refuse(stream, { status: 400, detail: error.message })
    )
  }

  /** How many are underway. */
  get size(): number {
    return this.pending.size
  }

  /** Calls back once nobody is underway; the result calls that off. */
  whenIdle(callback: () => void): () => void {
    if (this.size === 0) callback()
    else this.onIdle = callback
    return () => {
      this.onIdle = undefined
    }
  }

  /** A peer is here, of whom nothing was read yet. */
  begin(stream: Duplex, below: Wire): void {
    const pending: Pending = {
      address: below.remoteAddress,
      below,
      detail: undefined,
      deadline: setTimeout(() => {
        pending.detail ??= `no WebSocket handshake within ${this.timeout} ms`
        stream.destroy()
      }, this.timeout)
    }
    this.pending.set(stream, pending)
    stream.on("error", (error) => {
      pending.detail ??= errorDetail(error)
    })
    stream.on("close", () => this.report(stream))
  }

  /** A request to upgrade. The stream must have begun. */
  upgrade(request: Http.IncomingMessage, stream: Duplex, head: Buffer): void {
    const handshake = handshakeOf(request)
    const refusal = judge(this.settings, request.method, handshake)
    if (refusal !== undefined) {
      this.refuse(stream, refusal)
      return
    }
    this.webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const pending = this.forget(stream)
      if (pending === undefined) {
        webSocket.terminate()
        return
      }
      const subprotocol = webSocket.protocol === "" ? undefined : webSocket.protocol
      this.acceptor.onWire(
        new WebSocketWire({
          webSocket,
          stream,
          below: pending.below,
          settings: this.settings,
          handshake: { ...handshake, subprotocol }
        })
      )
    })
  }

  /** A request for something else. */
  answer(request: Http.IncomingMessage, response: Http.ServerResponse): void {
    const handshake = handshakeOf(request)
    const status = serves(this.settings, handshake) ? 426 : 404
    this.note(request.socket, `HTTP ${status} to a plain request for ${handshake.path}`)
    response.writeHead(status, { ...headersFor(status), Connection: "close" })
    response.end(Http.STATUS_CODES[status])
  }

  /** Turns a peer away. */
  refuse(stream: Duplex, { detail, status }: Refusal): void {
    if (stream.writableEnded || stream.destroyed) return
    this.note(stream, `HTTP ${status}: ${detail}`)
    const lines = Object.entries({ ...headersFor(status), Connection: "close" }).map(
      ([name, value]) => `${name}: ${value}\r\n`
    )
    const body = `${Http.STATUS_CODES[status]}: ${detail}\n`
    const timer = setTimeout(() => stream.destroy(), refusalTimeout)
    stream.once("close", () => clearTimeout(timer))
    stream.on("error", () => {})
    // What the peer still sends is read, so that our answer is not lost in a reset.
    stream.resume()
    stream.once("end", () => stream.destroy())
    stream.end(
      `HTTP/1.1 ${status} ${Http.STATUS_CODES[status]}\r\n${lines.join("")}` +
        `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    )
  }

  /** Ends them all, without a word. */
  abandon(): void {
    for (const stream of this.pending.keys()) {
      this.forget(stream)
      stream.destroy()
    }
  }

  private note(stream: Duplex, detail: string): void {
    const pending = this.pending.get(stream)
    if (pending !== undefined) pending.detail ??= detail
  }

  private report(stream: Duplex): void {
    const pending = this.forget(stream)
    if (pending === undefined) return
    const { address, detail } = pending
    this.acceptor.onError({ address, detail: detail ?? "closed before the WebSocket handshake was through" })
  }

  private forget(stream: Duplex): Pending | undefined {
    const pending = this.pending.get(stream)
    clearTimeout(pending?.deadline)
    this.pending.delete(stream)
    if (this.size === 0) this.onIdle?.()
    return pending
  }
}

const headersFor = (status: number): Readonly<Record<string, string>> =>
  status === 426 ? { Upgrade: "websocket", "Sec-WebSocket-Version": "13" } : {}

/** The HTTP server of a listener that has its own. It never listens: its connections come from elsewhere. */
export const makeHttp = (upgrades: Upgrades): Http.Server => {
  const server = Http.createServer((request, response) => upgrades.answer(request, response))
  server.on("upgrade", (request, stream, head) => upgrades.upgrade(request, stream, head))
  server.on("clientError", (error, stream) =>
    upgrades.refuse(
      stream,
      errorCode(error) === "HPE_HEADER_OVERFLOW"
        ? { status: 431, detail: "more than 16 KiB of headers" }
        : { status: 400, detail: `malformed request: ${error.message}` }
    )
  )
  return server
}
