/**
 * What the tests of the Node transports share.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { OptionProblem, TransportError } from "../../src/SluiceError.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import { Reception } from "./recorder.ts"
import { listenerOf } from "./rigs.ts"

export const host = "127.0.0.1"

export const listenOn = (options: TransportNode.TcpOptions, reception = new Reception()) =>
  Effect.flatMap(listenerOf(TransportNode.layerTcp(options)), (listener) => listener.listen(reception))

/** The failure, which must be of the transport. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, TransportError | E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.propertyVal(error, "_tag", "TransportError")
    // The assertion above is the proof.
    return error as TransportError
  })

/** What a layer finds wrong with its options. */
export const problemsOf = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(layer))), (error) => {
    assert.propertyVal(error, "_tag", "InvalidConfig")
    // The assertion above is the proof.
    const { problems } = error as unknown as { problems: ReadonlyArray<OptionProblem> }
    return problems
  })
