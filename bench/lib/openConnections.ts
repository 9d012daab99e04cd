/** Connections that are opened a few at a time, each with one echo, and then kept. */
import { openEcho } from "./connect.ts"
import type { EchoEvents, Echoing } from "./echoConnection.ts"
import type { LoadOptions } from "./loadOptions.ts"
import { sourceAddress } from "./sourceAddress.ts"

/** Never more handshakes at once than any backlog holds. */
const atOnce = 32

export class KeptConnections {
  readonly all: Array<Echoing> = []
  /** What each echo is told to once all of them are open. */
  onEchoes: EchoEvents["onEchoes"] = () => {}
  onEnd: () => void
  private readonly options: LoadOptions
  private readonly fail: (error: Error) => void
  private echoed = 0
  private wanted = 0
  private complete = () => {}

  constructor(options: LoadOptions, fail: (error: Error) => void) {
    this.options = options
    this.fail = fail
    this.onEnd = () => fail(new Error("the server ended a connection"))
  }

  /** Opens more until there are `count`; resolves when each has had its first echo. */
  openUpTo(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.wanted = count
      this.complete = resolve
      for (let i = 0; i < atOnce; i++) this.open()
    })
  }

  private open(): void {
    const id = this.all.length
    if (id >= this.wanted) return
    this.all.push(openEcho({ ...this.options, id, window: 1, localAddress: sourceAddress(id) }, this.events))
  }

  private readonly events: EchoEvents = {
    onConnect: (connection) => connection.send(1),
    onEchoes: (connection, count, milliseconds) => {
      // The first one, whenever it comes; connections are opened before anything else is sent.
      if (this.echoed === this.wanted) {
        this.onEchoes(connection, count, milliseconds)
        return
      }
      this.open()
      if (++this.echoed === this.wanted) this.complete()
    },
    onEnd: () => this.onEnd(),
    onError: (error) => this.fail(error)
  }
}
