/** A connection of the load client as `@grpc/grpc-js` makes it: one channel with one stream. Checks every message. */
import { type ClientDuplexStream, credentials, makeGenericClientConstructor } from "@grpc/grpc-js"
import type { OpenEcho } from "../lib/connect.ts"
import { messageForm } from "../lib/forms.ts"
import { echoService } from "./grpcEcho.ts"

const EchoClient = makeGenericClientConstructor(echoService, "bench.Echo")

/** The number of a message stands behind that of its connection. */
const numberAt = 4

export const openEcho: OpenEcho = ({ id, payload, port }, events) => {
  // A channel of its own is a TCP connection of its own.
  const client = new EchoClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1
  })
  const template = messageForm("bytes", id, payload, undefined).sent.bytes.subarray(4)
  const message = (n: number): Buffer => {
    const bytes = Buffer.from(template)
    bytes.writeUInt32BE(n, numberAt)
    return bytes
  }
  let sent = 0
  let received = 0
  let failed = false
  const leftAt: Array<number> = []
  const echoing = {
    id,
    get sent() {
      return sent
    },
    get received() {
      return received
    },
    send: (count: number) => {
      const now = performance.now()
      for (let i = 0; i < count; i++) {
        leftAt.push(now)
        call.write(message(sent++))
      }
    },
    end: () => call.end()
  }
  const fail = (problem: string) => {
    if (failed) return
    failed = true
    client.close()
    events.onError(new Error(`connection ${id}: ${problem}`))
  }
  // The constructor's methods have no types: they are made of the definition, this one of `echo`.
  const open = client.echo as unknown as (this: typeof client) => ClientDuplexStream<Buffer, Buffer>
  const call = open.call(client)
  call.on("data", (bytes: Buffer) => {
    if (received === sent || !bytes.equals(message(received))) {
      fail(`message ${received} is not its echo: ${bytes.subarray(0, 24).toString("hex")}`)
      return
    }
    received++
    events.onEchoes(echoing, 1, performance.now() - leftAt.shift()!)
  })
  call.on("error", (error) => fail(error.message))
  call.on("end", () => {
    if (failed) return
    client.close()
    if (received < sent) fail(`ended by the server with ${sent - received} echoes missing`)
    else events.onEnd(echoing)
  })
  client.waitForReady(Date.now() + 10_000, (error) => {
    if (error === undefined || error === null) events.onConnect(echoing)
    else fail(error.message)
  })
  return echoing
}
