/**
 * A wire over a pull and a push, for transports that have no callbacks, no half-close and no reset.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Address, TlsDetails, Wire, WireReceiver } from "../../Transport.ts"
import { unknownAddress } from "./nodeAddress.ts"

/** A connection as its transport gives it. */
export interface PullSource {
  /** The next bytes. Fails once there are no more: with the reason, or undefined after an orderly close. */
  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array>, string | undefined>
  /** Takes bytes, as fast as the peer does; fails with the reason. */
  readonly push: (chunks: Arr.NonEmptyReadonlyArray<Uint8Array>) => Effect.Effect<void, string>
  /** Ends the connection, both ways, after what was pushed. */
  readonly release: Effect.Effect<void>
  readonly runFork: (effect: Effect.Effect<void>) => unknown
  /** The connection has been released. */
  readonly onGone: () => void
}

/** Bytes underway before `write` returns false. */
const highWaterMark = 65_536

/** A fiber reads from the attaching on, and another one writes while there is something to write. */
export class PullWire implements Wire {
  readonly localAddress: Address = unknownAddress
  readonly remoteAddress: Address = unknownAddress
  readonly tls: TlsDetails | undefined = undefined
  readonly source: PullSource
  receiver: WireReceiver | undefined = undefined
  paused = false
  onResume: (() => void) | undefined = undefined
  queue: Array<Uint8Array> = []
  callbacks: Array<() => void> = []
  underway = 0
  flushing = false
  wantsDrain = false
  ended = false
  gone = false
  private released = false
  private error: string | undefined = undefined

  constructor(source: PullSource) {
    this.source = source
  }

  get unsent(): number {
    return this.underway
  }

  attach(receiver: WireReceiver): void {
    this.receiver = receiver
    const wasReleased = this.released
    queueMicrotask(() => {
      if (wasReleased) {
        receiver.onClose(this.error)
      } else if (!this.gone) {
        this.source.runFork(readAll(this))
      }
    })
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    queueMicrotask(() => {
      if (!this.paused) {
        this.wake()
      }
    })
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.ended || this.gone) {
      return false
    }
    // The transport may hold on to what was pushed, and the writer reuse its bytes.
    this.queue.push(bytes.slice())
    this.underway += bytes.length
    if (written !== undefined) {
      this.callbacks.push(written)
    }
    this.startFlush()
    const room = this.underway <= highWaterMark
    this.wantsDrain ||= !room
    return room
  }

  end(): void {
    if (!this.ended && !this.gone) {
      this.ended = true
      this.startFlush()
    }
  }

  reset(): void {
    this.finish(undefined)
  }

  destroy(): void {
    this.finish(undefined)
  }

  finish(error: string | undefined): void {
    if (this.gone) {
      return
    }
    this.gone = true
    this.error = error
    this.queue = []
    this.callbacks = []
    this.wake()
    const tell = Effect.sync(() => {
      this.source.onGone()
      queueMicrotask(() => {
        this.released = true
        this.receiver?.onClose(error)
      })
    })
    this.source.runFork(Effect.andThen(this.source.release, tell))
  }

  private wake(): void {
    const resume = this.onResume
    this.onResume = undefined
    resume?.()
  }

  /** One flush at a time; what is written in the same turn goes out together. */
  private startFlush(): void {
    if (!this.flushing) {
      this.flushing = true
      queueMicrotask(() => this.source.runFork(flushAll(this)))
    }
  }
}

const unpaused = (wire: PullWire): Effect.Effect<void> =>
  wire.paused && !wire.gone
    ? Effect.callback((resume) => {
        wire.onResume = () => resume(Effect.void)
      })
    : Effect.void

const readAll = Effect.fnUntraced(
  function* (wire: PullWire) {
    while (!wire.gone) {
      yield* unpaused(wire)
      for (const chunk of yield* wire.source.pull) {
        yield* unpaused(wire)
        if (wire.gone) {
          return
        }
        wire.receiver?.onData(chunk)
      }
    }
  },
  (loop, wire) =>
    Effect.catch(loop, (error) =>
      Effect.sync(() => {
        if (error !== undefined) {
          wire.finish(error)
        } else if (!wire.gone) {
          wire.receiver?.onEnd()
        }
      })
    )
)

const flushAll = Effect.fnUntraced(
  function* (wire: PullWire) {
    for (;;) {
      const { callbacks, queue } = wire
      if (!Arr.isArrayNonEmpty(queue) || wire.gone) {
        break
      }
      wire.queue = []
      wire.callbacks = []
      yield* wire.source.push(queue)
      for (const bytes of queue) {
        wire.underway -= bytes.length
      }
      for (const written of callbacks) {
        written()
      }
      if (wire.wantsDrain && wire.underway <= highWaterMark / 2 && !wire.gone && !wire.ended) {
        wire.wantsDrain = false
        wire.receiver?.onDrain()
      }
    }
    wire.flushing = false
    if (wire.ended) {
      wire.finish(undefined)
    }
  },
  (loop, wire) => Effect.catch(loop, (error) => Effect.sync(() => wire.finish(error)))
)
