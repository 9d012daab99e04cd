/**
 * A receiver that writes down what a wire tells it, and an acceptor that does so for a listener.
 */
import * as Effect from "effect/Effect"
import type { Acceptor, Address, Wire, WireReceiver } from "../../src/Transport.ts"

/** Wakes whoever waits for something to be true. */
class Watch {
  private readonly waiting = new Set<() => void>()

  changed(): void {
    for (const check of [...this.waiting]) {
      check()
    }
  }

  until(predicate: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const check = () => {
        if (predicate()) {
          this.waiting.delete(check)
          resume(Effect.void)
        }
      }
      this.waiting.add(check)
      check()
      return Effect.sync(() => {
        this.waiting.delete(check)
      })
    })
  }
}

export class Recorder implements WireReceiver {
  readonly wire: Wire
  readonly chunks: Array<Uint8Array> = []
  /** `data`, `end`, `drain` and `close` in their order; a run of one kind of the first is one entry. */
  readonly events: Array<string> = []
  length = 0
  ends = 0
  drains = 0
  closes = 0
  error: string | undefined = undefined
  /** Calls that came while another one was underway, before attach returned, or while paused. */
  readonly violations: Array<string> = []
  private readonly watch = new Watch()
  private readonly handle: (chunk: Uint8Array, recorder: Recorder) => void
  private busy = true
  paused = false

  constructor(wire: Wire, handle: (chunk: Uint8Array, recorder: Recorder) => void = () => {}) {
    this.wire = wire
    this.handle = handle
    wire.attach(this)
    this.busy = false
  }

  pause(): void {
    this.paused = true
    this.wire.pause()
  }

  resume(): void {
    this.paused = false
    this.wire.resume()
  }

  private call(name: string, work: () => void): void {
    if (this.busy) {
      this.violations.push(`${name} overlaps`)
    }
    if (this.closes > 0) {
      this.violations.push(`${name} after close`)
    }
    this.busy = true
    if (name !== "data" || this.events.at(-1) !== "data") {
      this.events.push(name)
    }
    work()
    this.busy = false
    this.watch.changed()
  }

  onData(chunk: Uint8Array): void {
    this.call("data", () => {
      if (this.paused) {
        this.violations.push("data while paused")
      }
      if (this.ends > 0) {
        this.violations.push("data after end")
      }
      this.chunks.push(chunk)
      this.length += chunk.length
      this.handle(chunk, this)
    })
  }

  onEnd(): void {
    this.call("end", () => {
      this.ends++
    })
  }

  onDrain(): void {
    this.call("drain", () => {
      this.drains++
    })
  }

  onClose(error: string | undefined): void {
    this.call("close", () => {
      this.closes++
      this.error = error
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  get text(): string {
    return this.bytes.toString()
  }

  readonly until = (predicate: (recorder: Recorder) => boolean): Effect.Effect<void> =>
    this.watch.until(() => predicate(this))

  readonly closed = Effect.suspend(() => this.until((recorder) => recorder.closes > 0))

  readonly ended = Effect.suspend(() => this.until((recorder) => recorder.ends > 0))

  readonly received = (length: number): Effect.Effect<void> =>
    this.until((recorder) => recorder.length >= length)
}

/** Collects the wires of a listener. */
export class Reception implements Acceptor {
  readonly wires: Array<Wire> = []
  readonly errors: Array<{ readonly address: Address; readonly detail: string }> = []
  private readonly watch = new Watch()

  onWire(wire: Wire): void {
    this.wires.push(wire)
    this.watch.changed()
  }

  onError(error: { readonly address: Address; readonly detail: string }): void {
    this.errors.push(error)
    this.watch.changed()
  }

  /** The next wire. */
  readonly take: Effect.Effect<Wire> = Effect.suspend(() =>
    Effect.map(
      this.watch.until(() => this.wires.length > 0),
      () => this.wires.shift()!
    )
  )

  /** The next error. */
  readonly takeError: Effect.Effect<{ readonly address: Address; readonly detail: string }> = Effect.suspend(
    () =>
      Effect.map(
        this.watch.until(() => this.errors.length > 0),
        () => this.errors.shift()!
      )
  )
}

/** Writes all bytes in pieces, waiting for the drain whenever the wire asks for it. */
export const writeAll = Effect.fnUntraced(function* (recorder: Recorder, bytes: Uint8Array, piece: number) {
  for (let offset = 0; offset < bytes.length; offset += piece) {
    const drains = recorder.drains
    if (!recorder.wire.write(bytes.subarray(offset, offset + piece))) {
      yield* recorder.until((now) => now.drains > drains || now.closes > 0)
    }
  }
})
