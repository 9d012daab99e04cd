/** Whether a request may become a WebSocket: its path, its version, its origin, its subprotocols. */
import type { IncomingMessage } from "node:http"
import type { Handshake, Origins, PathRule } from "../../../TransportWebSocket.ts"
import type { UpgradeSettings } from "./settings.ts"

/** An answer that turns the peer away. */
export interface Refusal {
  readonly status: number
  readonly detail: string
}

/** What a request says of itself. */
export const handshakeOf = (request: IncomingMessage): Handshake => {
  const { url = "/" } = request
  const mark = url.indexOf("?")
  return {
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    headers: request.headers,
    origin: request.headers.origin,
    subprotocol: undefined
  }
}

/** Whether a path is one of those that are served here. */
export const servesPath = (rule: PathRule | undefined, path: string): boolean =>
  rule === undefined || (typeof rule === "string" ? rule === path : rule(path))

/** The settings' schema has seen that they are one. */
const pathOf = ({ path }: UpgradeSettings) => path as PathRule | undefined
const originsOf = ({ origins }: UpgradeSettings) => origins as Origins

export const serves = (settings: UpgradeSettings, { path }: Handshake): boolean =>
  servesPath(pathOf(settings), path)

/** Undefined for a request that is let in. */
export const judge = (
  settings: UpgradeSettings,
  method: string | undefined,
  handshake: Handshake
): Refusal | undefined => {
  const { headers } = handshake
  if (!serves(settings, handshake)) return { status: 404, detail: `nothing at ${handshake.path}` }
  if (method !== "GET") return { status: 405, detail: "a WebSocket begins with GET" }
  if (headers["sec-websocket-version"] !== "13") {
    return { status: 426, detail: "WebSocket version 13 is spoken here" }
  }
  if (!isAllowed(originsOf(settings), handshake)) {
    return { status: 403, detail: `the origin ${handshake.origin ?? "(none)"} is not allowed` }
  }
  const offered = offeredIn(headers["sec-websocket-protocol"])
  const { subprotocols } = settings
  return offered.length > 0 && subprotocols.length > 0 && choose(settings, offered) === undefined
    ? { status: 400, detail: `none of the subprotocols ${offered.join(", ")}` }
    : undefined
}

/** The first of the client's subprotocols that is one of ours. */
export const choose = ({ subprotocols }: UpgradeSettings, offered: Iterable<string>): string | undefined => {
  for (const name of offered) if (subprotocols.includes(name)) return name
  return undefined
}

const offeredIn = (header: string | undefined): ReadonlyArray<string> =>
  header === undefined ? [] : header.split(",").map((name) => name.trim())

const isAllowed = (origins: Origins, handshake: Handshake): boolean => {
  const { headers, origin } = handshake
  if (typeof origins === "function") return origins(origin, handshake)
  // What is no browser may say any origin, so that asking for one keeps nobody out.
  if (origins === "any" || origin === undefined) return true
  const theirs = parse(origin)
  if (theirs === undefined) return false
  if (origins !== "same") return origins.includes(theirs.origin)
  const own = headers.host === undefined ? undefined : parse(`${theirs.protocol}//${headers.host}`)
  return own !== undefined && own.host === theirs.host
}

/** Of what a peer says; undefined where it is none. `URL.canParse` of Node 20 is at times wrong about what is no ASCII. */
const parse = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
