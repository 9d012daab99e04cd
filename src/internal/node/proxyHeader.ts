/**
 * Reading the header of the PROXY protocol off a socket that has just arrived.
 */
import * as Duration from "effect/Duration"
import type { Address } from "../../Transport.ts"
import { type Block, isInside, parseBlock, parseIp } from "../cidr.ts"
import { parse } from "../proxy/parse.ts"
import type { Arrival, Arrivals } from "./arrivals.ts"
import { takeFirst } from "./firstBytes.ts"

/** Whom to believe, ready to be asked. */
export interface ProxyPlan {
  /** The proxies; undefined for everybody. */
  readonly from: ReadonlyArray<Block> | undefined
  readonly others: "refuse" | "direct" | "data"
  /** In milliseconds. */
  readonly timeout: number
  readonly maxLength: number
}

/** The options of a listener, ready to be asked. */
export const proxyPlan = (settings: {
  readonly from: "anyone" | ReadonlyArray<string>
  readonly others: ProxyPlan["others"]
  readonly timeout: Duration.Duration
  readonly maxLength: number
}): ProxyPlan => ({
  from: settings.from === "anyone" ? undefined : settings.from.flatMap((text) => parseBlock(text) ?? []),
  others: settings.others,
  timeout: Duration.toMillis(settings.timeout),
  maxLength: settings.maxLength
})

const isListed = (from: ReadonlyArray<Block> | undefined, address: Address): boolean => {
  if (from === undefined) return true
  const ip = address._tag === "Tcp" ? parseIp(address.host) : undefined
  return ip !== undefined && from.some((block) => isInside(ip, block))
}

/**
 * Reads the header of a peer that has to send one, and calls `next`: with the client's address on the arrival, where the
 * header names one, and the bytes behind the header put back. `next` is told whether the peer is one whose header would
 * be refused.
 */
export const readProxyHeader = (
  plan: ProxyPlan,
  arrivals: Arrivals,
  arrival: Arrival,
  next: (arrival: Arrival, refusesHeader: boolean) => void
): void => {
  if (arrival.address._tag === "Unknown") {
    // It has been reset already, so nobody knows who it was.
    arrivals.leave(arrival, "ProxyHeader", "gone before it could be looked at")
    return
  }
  if (!isListed(plan.from, arrival.address)) {
    if (plan.others !== "refuse") next(arrival, plan.others === "direct")
    else arrivals.refuse(arrival, "ProxyHeader", "none of the proxies that may come")
    return
  }
  arrivals.limit(arrival, plan.timeout, "no PROXY header")
  arrivals.expect(arrival, "ProxyHeader", "closed before its PROXY header was complete")
  takeFirst(arrival.socket, {
    look: (bytes) => {
      const parsed = parse(bytes, plan.maxLength)
      if (parsed._tag === "Incomplete") return "wait"
      if (parsed._tag === "Invalid") {
        arrivals.refuse(arrival, "ProxyHeader", parsed.error.message)
        return "close"
      }
      const { header, length } = parsed
      arrival.proxy = { address: arrival.address, header }
      if (header.source._tag !== "Unknown") arrival.address = header.source
      return length
    },
    taken: () => next(arrival, false),
    ended: () => arrivals.leave(arrival, "ProxyHeader", "ended before its PROXY header was complete")
  })
}
