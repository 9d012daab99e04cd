/** Who may become a connection: limits, the queue before the door, and those who are turned away. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Limits, RefusedReason } from "../Admission.ts"
import type { Address, Wire } from "../Transport.ts"
import { type Rules, rulesOf } from "./admissionSettings.ts"
import { isInside, parseIp } from "./cidr.ts"
import { RateTable } from "./rateTable.ts"
import { Refusals } from "./refusal.ts"
import { Signal } from "./signal.ts"

/** What a gate stands before. */
export interface GateHost {
  readonly size: number
  readonly now: () => number
  readonly remoteAddresses: () => Iterable<Address>
  readonly open: (wire: Wire) => void
  readonly run: (effect: Effect.Effect<void>) => void
  /** Somebody is refused: for the events. */
  readonly refused: (address: Address, reason: RefusedReason) => void
  /** Nobody is on the way out any more. */
  readonly emptied: () => void
}

/** What does not change while the server runs. */
export interface GatePolicy {
  readonly overLimit: "refuse" | { readonly wait: Duration.Duration; readonly maxWaiting: number }
  /** The frame of the last word, if there is one. */
  readonly farewell: (reason: RefusedReason) => Effect.Effect<Uint8Array | undefined>
}

interface Waiting {
  readonly wire: Wire
  readonly ip: bigint | undefined
  readonly due: number
}

/**
 * The connections themselves are what is counted, not permits that could be lost. Those of an address are counted in a
 * table that is only there while their limit is.
 */
export class Gate {
  private readonly host: GateHost
  private readonly policy: GatePolicy
  private readonly limits: SubscriptionRef.SubscriptionRef<Limits>
  private readonly refusals: Refusals
  /** The limits that were looked at last, and the rules that are in force. */
  private seen: Limits | undefined
  private rules!: Rules
  private rates: RateTable<bigint> | undefined
  private perAddress: Map<bigint, number> | undefined
  private waiting: Array<Waiting> = []
  private timing = false
  private readonly shut = new Signal()

  constructor(host: GateHost, limits: SubscriptionRef.SubscriptionRef<Limits>, policy: GatePolicy) {
    this.host = host
    this.limits = limits
    this.policy = policy
    this.refusals = new Refusals(host.run, host.emptied)
    this.refresh()
  }

  /** How many peers are on their way out without having been let in. */
  get leaving(): number {
    return this.refusals.size
  }

  /** A peer is here. */
  arrive(wire: Wire): void {
    this.refresh()
    const { allow, deny } = this.rules
    const listed = allow.length > 0 || deny.length > 0
    const needed = listed || this.rates !== undefined || this.perAddress !== undefined
    const ip = needed ? ipOf(wire.remoteAddress) : undefined
    if (ip !== undefined) {
      const reason =
        listed && !this.allows(ip)
          ? "denied"
          : this.rates?.take(ip, this.host.now()) === false
            ? "rate"
            : undefined
      if (reason !== undefined) {
        this.refuse(wire, reason)
        return
      }
    }
    const over = this.over(ip)
    const { overLimit } = this.policy
    if (over === undefined) {
      this.letIn(wire, ip)
      return
    }
    if (overLimit === "refuse" || this.shut.fired || this.waiting.length >= overLimit.maxWaiting) {
      this.refuse(wire, over)
      return
    }
    const due = this.host.now() + Duration.toMillis(overLimit.wait)
    this.waiting.push({ wire, ip: ip ?? ipOf(wire.remoteAddress), due })
    this.keepTime()
  }

  /** A connection is gone. */
  left(connection: { readonly remoteAddress: Address }): void {
    const { perAddress } = this
    if (perAddress !== undefined) {
      const ip = ipOf(connection.remoteAddress)
      const count = ip === undefined ? undefined : perAddress.get(ip)
      if (ip !== undefined && count !== undefined) {
        if (count > 1) perAddress.set(ip, count - 1)
        else perAddress.delete(ip)
      }
    }
    this.letWaitingIn()
  }

  /** Minds limits that changed: those who wait may have room now. */
  refresh(): void {
    const limits = SubscriptionRef.getUnsafe(this.limits)
    if (limits === this.seen) return
    this.seen = limits
    const rules = rulesOf(limits)
    if (Result.isFailure(rules)) {
      const warning = `the limits cannot be, and those before them stay in force: ${rules.failure}`
      this.host.run(Effect.logWarning(warning))
      return
    }
    const { maxPerAddress, rate } = rules.success
    const before: Rules | undefined = this.rules
    this.rules = rules.success
    if (rate === undefined) this.rates = undefined
    else if (before?.rate?.perMilli !== rate.perMilli || before.rate.burst !== rate.burst) {
      this.rates = new RateTable(rate)
    }
    if (maxPerAddress === Number.POSITIVE_INFINITY) this.perAddress = undefined
    else this.perAddress ??= this.count()
    this.letWaitingIn()
  }

  /** Nobody waits any more. */
  close(): void {
    if (this.shut.fired) return
    this.shut.fire()
    const { waiting } = this
    this.waiting = []
    for (const { wire, ip } of waiting) this.refuse(wire, this.over(ip) ?? "full")
  }

  /** Cuts those who have been refused and are still here. */
  cut(): void {
    this.close()
    this.refusals.cut()
  }

  private allows(ip: bigint): boolean {
    const { allow, deny } = this.rules
    if (deny.some((block) => isInside(ip, block))) return false
    return allow.length === 0 || allow.some((block) => isInside(ip, block))
  }

  /** The limit that leaves no room. */
  private over(ip: bigint | undefined): "full" | "address" | undefined {
    const { maxConnections, maxPerAddress } = this.rules
    if (ip !== undefined && (this.perAddress?.get(ip) ?? 0) >= maxPerAddress) return "address"
    return this.host.size >= maxConnections ? "full" : undefined
  }

  private letIn(wire: Wire, ip: bigint | undefined): void {
    const { perAddress } = this
    if (ip !== undefined) perAddress?.set(ip, (perAddress.get(ip) ?? 0) + 1)
    this.host.open(wire)
  }

  /** In the order in which they came; who waits for its own address does not hold up the others. */
  private letWaitingIn(): void {
    if (this.waiting.length === 0) return
    let place = 0
    while (place < this.waiting.length && this.host.size < this.rules.maxConnections) {
      const { ip, wire } = this.waiting[place]!
      if (this.over(ip) === undefined) {
        this.waiting.splice(place, 1)
        this.letIn(wire, ip)
      } else {
        place++
      }
    }
  }

  /** Everyone waits equally long, so that the first is the first whose time is over. */
  private keepTime(): void {
    if (this.timing) return
    this.timing = true
    const step: Effect.Effect<void> = Effect.suspend(() => {
      const now = this.host.now()
      for (let first = this.waiting[0]; first !== undefined && first.due <= now; first = this.waiting[0]) {
        this.waiting.shift()
        this.refuse(first.wire, this.over(first.ip) ?? "full")
      }
      const next = this.waiting[0]
      if (next === undefined) {
        this.timing = false
        return Effect.void
      }
      const sleep = Effect.sleep(Duration.millis(next.due - now))
      return Effect.flatMap(Effect.raceFirst(sleep, this.shut.await()), () => step)
    })
    this.host.run(step)
  }

  private refuse(wire: Wire, reason: RefusedReason): void {
    this.host.refused(wire.remoteAddress, reason)
    this.refusals.dismiss(wire, reason, this.policy.farewell(reason))
  }

  private count(): Map<bigint, number> {
    const counts = new Map<bigint, number>()
    for (const address of this.host.remoteAddresses()) {
      const ip = ipOf(address)
      if (ip !== undefined) counts.set(ip, (counts.get(ip) ?? 0) + 1)
    }
    return counts
  }
}

const ipOf = (address: Address): bigint | undefined =>
  address._tag === "Tcp" || address._tag === "Udp" ? parseIp(address.host) : undefined
