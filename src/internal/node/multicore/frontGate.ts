/** Limits for all processes together: a server's gate, before its peers are handed over. */
import type * as Net from "node:net"
import * as Effect from "effect/Effect"
import type * as SubscriptionRef from "effect/SubscriptionRef"
import type { Limits, RefusedReason } from "../../../Admission.ts"
import type { Address, Wire } from "../../../Transport.ts"
import { Gate, type GatePolicy } from "../../gate.ts"
import { tcpAddress, unknownAddress } from "../nodeAddress.ts"
import { NodeWire, resetTcp } from "../nodeWire.ts"

/** Lets a peer in, with what to call when it is gone. */
export type LetIn = (left: () => void) => void

/** One connection of the machine; its socket is another process's by then. */
interface Token {
  readonly remoteAddress: Address
}

export class FrontGate {
  private readonly gate: Gate
  private readonly letIns = new WeakMap<Wire, LetIn>()
  private readonly tokens = new Set<Token>()

  constructor(
    limits: SubscriptionRef.SubscriptionRef<Limits>,
    overLimit: GatePolicy["overLimit"],
    run: (effect: Effect.Effect<void>) => void,
    onRefused: (address: Address, reason: RefusedReason) => void
  ) {
    const { tokens } = this
    const host = {
      get size() {
        return tokens.size
      },
      now: () => performance.now(),
      remoteAddresses: () => Array.from(tokens, ({ remoteAddress }) => remoteAddress),
      open: (wire: Wire) => this.open(wire),
      run,
      refused: onRefused,
      emptied: () => {}
    }
    this.gate = new Gate(host, limits, { overLimit, farewell: () => Effect.undefined })
  }

  arrive(socket: Net.Socket, letIn: LetIn): void {
    const remoteAddress = tcpAddress(socket.remoteAddress, socket.remotePort)
    const wire = new NodeWire(socket, unknownAddress, remoteAddress, undefined, resetTcp)
    this.letIns.set(wire, letIn)
    this.gate.arrive(wire)
  }

  /** Nobody waits any more, and who was refused is cut. */
  close(): void {
    this.gate.cut()
  }

  private open(wire: Wire): void {
    const token: Token = { remoteAddress: wire.remoteAddress }
    this.tokens.add(token)
    this.letIns.get(wire)?.(() => {
      if (this.tokens.delete(token)) this.gate.left(token)
    })
  }
}
