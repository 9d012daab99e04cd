/** Connecting the WebSocket of a browser. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TransportError } from "../../SluiceError.ts"
import type { Address, Connector, Wire } from "../../Transport.ts"
import { transportError } from "../node/nodeError.ts"
import { type BrowserSettings, resolveUrl } from "./browserSettings.ts"
import { BrowserWire } from "./browserWire.ts"
import { describeCode } from "./closeCodes.ts"
import {
  type CloseEvent,
  type ErrorEvent,
  type PlatformConstructor,
  pageAddress,
  platformSocket
} from "./platform.ts"
import { messageCarriage } from "./settings.ts"

type Shape = Context.Service.Shape<typeof Connector>

const failed = (address: string, kind: TransportError["kind"], detail: string, cause?: unknown) =>
  new TransportError({ operation: "connect", kind, address, detail, cause })

/** Where a URL leads, as far as a page knows. */
const addressOf = ({ hostname, port, protocol }: URL): Address => ({
  _tag: "Tcp",
  host: hostname.replace(/^\[|\]$/g, ""),
  port: port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port)
})

/** Browsers do not say why: that would tell a page what is in the network of its user. */
const broken = (target: string, close: CloseEvent, error: unknown): TransportError =>
  error instanceof Error
    ? transportError("connect", target, error)
    : failed(target, "HandshakeFailed", describeCode(close.code, close.reason))

const open = (settings: BrowserSettings, url: URL, Platform: PlatformConstructor) =>
  Effect.callback<Wire, TransportError>((resume) => {
    const target = url.href
    try {
      const socket = new Platform(target, [...settings.subprotocols])
      const wire = new BrowserWire(socket, addressOf(url), settings)
      let error: unknown
      socket.addEventListener("error", (event: ErrorEvent) => {
        error ??= event.error
      })
      socket.addEventListener("close", (event: CloseEvent) =>
        resume(Effect.fail(broken(target, event, error)))
      )
      socket.addEventListener("open", () => resume(Effect.succeed(wire)))
      return Effect.sync(() => wire.destroy())
    } catch (cause) {
      // A page that came by TLS may not open ws://.
      return resume(Effect.fail(failed(target, "HandshakeFailed", String(cause), cause)))
    }
  })

/** A connector over the platform's WebSocket. */
export const browserConnector = (settings: BrowserSettings): Shape => ({
  ...messageCarriage(settings),
  connect: Effect.suspend(() => {
    const { connectTimeout, url: text } = settings
    const url = resolveUrl(text, pageAddress())
    // The settings' schema has seen that it is a class.
    const Platform = (settings.WebSocket as PlatformConstructor | undefined) ?? platformSocket()
    if (url === undefined || Platform === undefined) {
      const detail = url === undefined ? "no URL any more" : "this platform has no WebSocket"
      return Effect.fail(failed(text, "NotSupported", detail))
    }
    return Effect.timeoutOrElse(open(settings, url, Platform), {
      duration: connectTimeout,
      orElse: () =>
        Effect.fail(failed(url.href, "Timeout", `no connection within ${Duration.format(connectTimeout)}`))
    })
  })
})
