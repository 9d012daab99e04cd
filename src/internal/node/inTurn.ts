/** A connector to several addresses of one service. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { TransportError } from "../../SluiceError.ts"
import type { Connector } from "../../Transport.ts"

type Shape = Context.Service.Shape<typeof Connector>

interface Address {
  readonly host: string
  readonly port: number
}

/** Settings that name an address, and further ones. */
interface Addressed extends Address {
  readonly alternatives: ReadonlyArray<{
    readonly host?: string | undefined
    readonly port?: number | undefined
  }>
}

/**
 * A connector that tries the addresses in turn until one answers. Each time it begins with the one after the last one
 * that it tried, whatever became of it: who comes back looks elsewhere first, and many connections spread.
 */
export const inTurn = <Settings extends Addressed>(
  settings: Settings,
  connectorOf: (settings: Settings) => Shape
): Shape => {
  const { alternatives, host, port } = settings
  if (alternatives.length === 0) return connectorOf(settings)
  const connectors = [
    connectorOf(settings),
    ...alternatives.map((other) =>
      connectorOf({ ...settings, host: other.host ?? host, port: other.port ?? port })
    )
  ]
  let last = -1
  const from = (failures: ReadonlyArray<TransportError>): Shape["connect"] =>
    Effect.suspend(() => {
      last = (last + 1) % connectors.length
      // Within the bounds, by the remainder.
      const connector = connectors[last] as Shape
      return Effect.catch(connector.connect, (failure) => {
        const all = [...failures, failure]
        return all.length < connectors.length ? from(all) : Effect.fail(together(failure, all))
      })
    })
  return { connect: from([]) }
}

/** The last failure, with the words of all. */
const together = (last: TransportError, all: ReadonlyArray<TransportError>): TransportError =>
  new TransportError({
    operation: "connect",
    kind: last.kind,
    address: all.map(({ address }) => address).join(", "),
    detail: all.map(({ address, detail }) => `${address}: ${detail}`).join("; "),
    cause: last
  })
