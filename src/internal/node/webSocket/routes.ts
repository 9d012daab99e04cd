/** Upgrade requests of one HTTP server, by those who want them. */
import type * as Http from "node:http"
import type { Duplex } from "node:stream"

/** Takes a request, or says that it is not for it. */
export type Route = (request: Http.IncomingMessage, stream: Duplex, head: Buffer) => boolean

interface Routed {
  readonly routes: Set<Route>
  readonly restore: () => void
}

const routed = new WeakMap<Http.Server, Routed>()

const notFound = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

/**
 * Every listener of `upgrade` hears of every request, and some answer all of them: Effect's HTTP server is one. So what a
 * route takes is kept from them, by standing before the event; all else comes to them as ever. What nobody else could
 * take is answered with 404.
 */
const stand = (server: Http.Server): Routed => {
  const routes = new Set<Route>()
  const { emit } = server
  const before = Object.getOwnPropertyDescriptor(server, "emit")
  const intercept = (event: string | symbol, ...rest: ReadonlyArray<unknown>): boolean => {
    if (event === "upgrade") {
      // What Node gives with this event.
      const [request, stream, head] = rest as [Http.IncomingMessage, Duplex, Buffer]
      for (const route of routes) if (route(request, stream, head)) return true
    }
    return Reflect.apply(emit, server, [event, ...rest])
  }
  // Without a listener Node treats upgrades as ordinary requests.
  const last = (_request: Http.IncomingMessage, stream: Duplex) => {
    if (server.listenerCount("upgrade") > 1) return
    stream.on("error", () => {})
    stream.once("finish", () => stream.destroy())
    stream.end(notFound)
  }
  server.emit = intercept
  server.on("upgrade", last)
  return {
    routes,
    restore: () => {
      server.off("upgrade", last)
      // Who stood before it since then stays.
      if (server.emit !== intercept) return
      if (before === undefined) Reflect.deleteProperty(server, "emit")
      else server.emit = emit
    }
  }
}

/** Adds a route; the result takes it away again. */
export const routeUpgrades = (server: Http.Server, route: Route): (() => void) => {
  const entry = routed.get(server) ?? stand(server)
  routed.set(server, entry)
  entry.routes.add(route)
  return () => {
    if (!entry.routes.delete(route) || entry.routes.size > 0) return
    entry.restore()
    routed.delete(server)
  }
}
