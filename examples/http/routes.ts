/** What the server has. */
import { Effect } from "effect"
import type { Request } from "./request.ts"
import { bytes, empty, json, type Response, text } from "./response.ts"

type Route = (request: Request) => Response | Effect.Effect<Response>

const hello = text("Hello, World!\n")

/** By path and method. What answers GET answers HEAD too. */
const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "/": { GET: () => hello },
  /** Gives the body back. */
  "/echo": {
    POST: ({ body, headers }) =>
      bytes(body, 200, { "Content-Type": headers.get("content-type") ?? "application/octet-stream" })
  },
  /** What we have read of the request. */
  "/request": {
    GET: ({ headers, method, path, query }) =>
      json({ method, path, query: Object.fromEntries(query), headers: Object.fromEntries(headers) })
  },
  /** Takes a second, in which the server may be told to stop. */
  "/slow": { GET: () => Effect.as(Effect.sleep("1 second"), text("at last\n")) }
}

const known = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])

export const respond = (request: Request): Response | Effect.Effect<Response> => {
  const { method } = request
  const route = Object.hasOwn(routes, request.path) ? routes[request.path] : undefined
  const handle = route?.[method] ?? (method === "HEAD" ? route?.GET : undefined)
  if (handle !== undefined) return handle(request)
  if (!known.has(method)) return text("no such method\n", 501)
  if (request.target === "*") return empty(204, { Allow: "GET, HEAD, POST, OPTIONS" })
  if (route === undefined) return text("nothing here\n", 404)
  const methods = Object.keys(route).flatMap((allowed) => (allowed === "GET" ? ["GET", "HEAD"] : [allowed]))
  const allow = { Allow: [...methods, "OPTIONS"].join(", ") }
  return method === "OPTIONS" ? empty(204, allow) : text("not with this method\n", 405, allow)
}
