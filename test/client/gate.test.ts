/** Who passes the gate, and in which order. */
import { assert, describe, it } from "@effect/vitest"
import { Gate } from "../../src/internal/client/gate.ts"
import { ClientEnded } from "../../src/SluiceError.ts"

const connection = () => ({ ending: false })

describe("the gate of a client", () => {
  it("is open while a connection is up and nobody waits", () => {
    const gate = new Gate<{ ending: boolean }>()
    assert.isUndefined(gate.open)
    const up = connection()
    gate.up(up)
    assert.strictEqual(gate.open, up)
    gate.down(connection())
    assert.strictEqual(gate.open, up)
    gate.down(up)
    assert.isUndefined(gate.open)
  })

  it("gives turns one after the other, and lets nobody pass those who wait", () => {
    const gate = new Gate<{ ending: boolean }>()
    const first = gate.enter(gate.ticket())
    const second = gate.enter(gate.ticket())
    const up = connection()
    gate.up(up)
    assert.strictEqual(first.granted, up)
    assert.isUndefined(second.granted)
    assert.isUndefined(gate.open)
    gate.release(first)
    assert.strictEqual(second.granted, up)
    assert.isUndefined(gate.open)
    gate.release(second)
    assert.strictEqual(gate.open, up)
  })

  it("has old tickets go before newer ones", () => {
    const gate = new Gate<{ ending: boolean }>()
    const old = gate.ticket()
    const newer = gate.enter(gate.ticket())
    const again = gate.enter(old)
    gate.up(connection())
    assert.isDefined(again.granted)
    assert.isUndefined(newer.granted)
  })

  it("takes a connection that is ending for none, and one that was tired of waiting out of the line", () => {
    const gate = new Gate<{ ending: boolean }>()
    const up = connection()
    gate.up(up)
    up.ending = true
    assert.isUndefined(gate.open)
    const tired = gate.enter(gate.ticket())
    const patient = gate.enter(gate.ticket())
    assert.isUndefined(tired.granted)
    gate.release(tired)
    assert.strictEqual(gate.waiting, 1)
    const next = connection()
    gate.up(next)
    assert.isUndefined(tired.granted)
    assert.strictEqual(patient.granted, next)
  })

  it("ends for all, also for those who come later", () => {
    const gate = new Gate<{ ending: boolean }>()
    let changes = 0
    gate.onChange(() => changes++)
    const waiting = gate.enter(gate.ticket())
    const ended = new ClientEnded({ failure: undefined })
    gate.end(ended)
    gate.end(new ClientEnded({ failure: undefined }))
    assert.strictEqual(waiting.granted, ended)
    assert.strictEqual(gate.enter(gate.ticket()).granted, ended)
    assert.strictEqual(changes, 1)
  })
})
