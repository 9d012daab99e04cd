/** The WebSocket of a browser, as far as it is used here. That of Node, Deno and Bun is the same. */
export interface PlatformSocket {
  binaryType: string
  readonly bufferedAmount: number
  readonly protocol: string
  readonly send: (data: string | Uint8Array<ArrayBuffer>) => void
  readonly close: (code?: number, reason?: string) => void
  addEventListener(type: string, listener: (event: never) => void): void
}

/** Makes one. */
export type PlatformConstructor = new (url: string, subprotocols: Array<string>) => PlatformSocket

/** What its events tell. */
export interface MessageEvent {
  readonly data: string | ArrayBuffer
}

export interface CloseEvent {
  readonly code: number
  readonly reason: string
}

export interface ErrorEvent {
  /** What went wrong, outside browsers. */
  readonly error?: unknown
}

/** That of the platform; undefined where it has none. */
export const platformSocket = (): PlatformConstructor | undefined => {
  const found: unknown = Reflect.get(globalThis, "WebSocket")
  // A platform that has the name has the class of the standard.
  return typeof found === "function" ? (found as PlatformConstructor) : undefined
}

/** Where the page is; undefined where there is none. */
export const pageAddress = (): string | undefined => {
  const location: unknown = Reflect.get(globalThis, "location")
  return typeof location === "object" && location !== null && "href" in location
    ? String(location.href)
    : undefined
}
