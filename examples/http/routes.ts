/** What the server has. */
import { Effect } from "effect"
import type { Request } from "./request.ts"
import { bytes, empty, json, type Response, text } from "./response.ts"

type Route = (request: Request) => Response | Effect.Effect<Response>

const hello = text("Hello, World!\n")

// Maps, for a client may well ask for `__proto__`.
const routeOf = (methods: Readonly<Record<string, Route>>): ReadonlyMap<string, Route> =>
  new Map(Object.entries(methods))

/** By path and method. What answers GET answers HEAD too. */
const routes = new Map([
  ["/", routeOf({ GET: () => hello })],
  // Gives the body back.
  [
    "/echo",
    routeOf({
      POST: ({ body, headers }) =>
        bytes(body, 200, { "Content-Type": headers.get("content-type") ?? "application/octet-stream" })
    })
  ],
  // What we have read of the request.
  [
    "/request",
    routeOf({
      GET: ({ headers, method, path, query }) =>
        json({ method, path, query: Object.fromEntries(query), headers: Object.fromEntries(headers) })
    })
  ],
  // Takes a second, in which the server may be told to stop.
  ["/slow", routeOf({ GET: () => Effect.as(Effect.sleep("1 second"), text("at last\n")) })]
])

const known = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])

export const respond = (request: Request): Response | Effect.Effect<Response> => {
  const { method } = request
  const route = routes.get(request.path)
  const handle = route?.get(method) ?? (method === "HEAD" ? route?.get("GET") : undefined)
  if (handle !== undefined) return handle(request)
  if (!known.has(method)) return text("no such method\n", 501)
  if (request.target === "*") return empty(204, { Allow: "GET, HEAD, POST, OPTIONS" })
  if (route === undefined) return text("nothing here\n", 404)
  const methods = [...route.keys()].flatMap((allowed) => (allowed === "GET" ? ["GET", "HEAD"] : [allowed]))
  const allow = { Allow: [...methods, "OPTIONS"].join(", ") }
  return method === "OPTIONS" ? empty(204, allow) : text("not with this method\n", 405, allow)
}
