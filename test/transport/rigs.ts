/**
 * Every transport behind one face, for the suite that they all must pass.
 */

import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"
import {
  type Acceptor,
  type Address,
  type Carriage,
  Connector,
  Listener,
  type Listening,
  type Wire
} from "../../src/Transport.ts"
import * as TransportBrowser from "../../src/TransportBrowser.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import * as TransportNode from "../../src/TransportNode.ts"
import * as TransportSocket from "../../src/TransportSocket.ts"
import * as TransportUdp from "../../src/TransportUdp.ts"
import * as TransportWebSocket from "../../src/TransportWebSocket.ts"
import { certificates } from "./certificates.ts"
import { Reception } from "./recorder.ts"

export interface Opened {
  /** What is special about its wires. */
  readonly carriage?: Carriage
  readonly listen: (acceptor: Acceptor) => Effect.Effect<Listening, unknown, Scope.Scope>
  /** Connects to where a listener said it listens. */
  readonly connect: (address: Address) => Effect.Effect<Wire, unknown, Scope.Scope>
}

export interface Rig {
  readonly name: string
  /** The bytes that the suite's long transfers send. */
  readonly volume: number
  readonly halfClose: boolean
  readonly reset: boolean
  readonly addresses: boolean
  /** Whether closing the listener frees the address. */
  readonly frees: boolean
  /** Whether the peer notices that a connection is closed, and whether all that was written arrives. */
  readonly connected: boolean
  readonly open: Effect.Effect<Opened, unknown, Scope.Scope>
}

/** The port that a listener got. */
export const portOf = (address: Address): number =>
  address._tag === "Tcp" || address._tag === "Udp" ? address.port : 0

/** A directory of its own, gone with the scope. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "sluice-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** The service of a layer, in the scope at hand. */
export const listenerOf = <E>(layer: Layer.Layer<Listener, E>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Listener))

export const connectorOf = <E>(layer: Layer.Layer<Connector, E>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Connector))

/** Connects through a layer; the wire is destroyed with the scope. */
export const connectThrough = <E>(layer: Layer.Layer<Connector, E>) =>
  Effect.acquireRelease(
    Effect.flatMap(connectorOf(layer), (connector) => connector.connect),
    (wire) => Effect.sync(() => wire.destroy()),
    { interruptible: true }
  )

const all = {
  volume: 1024 * 1024,
  halfClose: true,
  reset: true,
  addresses: true,
  frees: true,
  connected: true
}

const host = "127.0.0.1"

export const tcp: Rig = {
  ...all,
  name: "tcp",
  open: Effect.gen(function* () {
    const listener = yield* listenerOf(TransportNode.layerTcp({ host, port: 0 }))
    return {
      listen: listener.listen,
      connect: (address) => connectThrough(TransportNode.layerTcpClient({ host, port: portOf(address) }))
    }
  })
}

export const tls: Rig = {
  ...all,
  name: "tls",
  open: Effect.gen(function* () {
    const { authority, server } = certificates()
    const listener = yield* listenerOf(
      TransportNode.layerTls({
        host,
        port: 0,
        tls: { certificateFile: server.certificateFile, keyFile: server.keyFile }
      })
    )
    return {
      listen: listener.listen,
      connect: (address) =>
        connectThrough(
          TransportNode.layerTlsClient({ host, port: portOf(address), tls: { ca: authority.certificate } })
        )
    }
  })
}

export const unix: Rig = {
  ...all,
  name: "unix",
  reset: false,
  addresses: false,
  open: Effect.gen(function* () {
    const path = Path.join(yield* temporaryDirectory, "server.sock")
    const listener = yield* listenerOf(TransportNode.layerUnix({ path }))
    return { listen: listener.listen, connect: () => connectThrough(TransportNode.layerUnixClient({ path })) }
  })
}

const memoryWith = (options: TransportMemory.MemoryOptions): Rig["open"] =>
  Effect.map(TransportMemory.makeNetwork(options), ({ connector, listener }) => ({
    listen: listener.listen,
    connect: () => connector.connect
  }))

export const memory: Rig = { ...all, name: "memory", open: memoryWith({}) }

export const memoryOneByte: Rig = {
  ...all,
  name: "memory, one byte at a time",
  volume: 96 * 1024,
  open: memoryWith({ maxChunk: 1 })
}

export const memoryCutDelayed: Rig = {
  ...all,
  name: "memory, cut and delayed",
  volume: 256 * 1024,
  open: memoryWith({ maxChunk: 1000, delay: "1 millis" })
}

export const socket: Rig = {
  ...all,
  name: "socket",
  halfClose: false,
  reset: false,
  addresses: false,
  frees: false,
  open: Effect.gen(function* () {
    const listener = yield* listenerOf(
      Layer.provide(TransportSocket.layerServer, NodeSocketServer.layer({ host, port: 0 }))
    )
    return {
      listen: listener.listen,
      connect: (address) =>
        Effect.flatMap(NodeSocket.makeNet({ host, port: portOf(address) }), (made) =>
          Effect.acquireRelease(
            TransportSocket.connectorFromSocket(made).connect,
            (wire) => Effect.sync(() => wire.destroy()),
            { interruptible: true }
          )
        )
    }
  })
}

const webSocketWith = (
  options: TransportWebSocket.SocketOptions,
  connect: (url: string) => Layer.Layer<Connector, unknown> = (url) =>
    TransportWebSocket.layerClient({ ...options, url })
): Rig["open"] =>
  Effect.gen(function* () {
    const { listen, ...carriage } = yield* listenerOf(TransportWebSocket.layer({ ...options, host, port: 0 }))
    return {
      carriage,
      listen,
      connect: (address) => connectThrough(connect(`ws://${host}:${portOf(address)}/`))
    }
  })

/** Messages are pieces of a stream, so that bytes go over it as over any other wire. */
export const webSocketStream: Rig = {
  ...all,
  name: "WebSocket, as a stream",
  open: webSocketWith({ messages: "stream" })
}

/** A message is a frame. */
export const webSocket: Rig = { ...all, name: "WebSocket", open: webSocketWith({}) }

export const webSocketCompressed: Rig = {
  ...all,
  name: "WebSocket, compressed",
  open: webSocketWith({ compression: { threshold: 0 } })
}

/** It has all that a browser's has, under types of its own. */
export const platformClass = WebSocket as unknown as TransportBrowser.WebSocketConstructor

/** Through the platform's class, which the one of `ws` stands in for: Node 20 has none. */
export const browser: Rig = {
  ...all,
  name: "browser",
  halfClose: false,
  reset: false,
  open: webSocketWith({}, (url) => TransportBrowser.layer({ url, WebSocket: platformClass }))
}

const webSocketOverMemory = (options: TransportWebSocket.SocketOptions): Rig["open"] =>
  Effect.gen(function* () {
    const network = yield* TransportMemory.makeNetwork({ maxChunk: 1000 })
    const { listen, ...carriage } = yield* listenerOf(
      Layer.provide(TransportWebSocket.layerOver(options), Layer.succeed(Listener, network.listener))
    )
    return {
      carriage,
      listen,
      connect: () =>
        connectThrough(
          Layer.provide(
            TransportWebSocket.layerClientOver({ ...options, url: "ws://memory/" }),
            Layer.succeed(Connector, network.connector)
          )
        )
    }
  })

const cut = { ...all, volume: 256 * 1024 }

/** Over the network in memory, whose chunks end anywhere. */
export const webSocketCut: Rig = {
  ...cut,
  name: "WebSocket over memory, cut",
  open: webSocketOverMemory({})
}

export const webSocketStreamCut: Rig = {
  ...cut,
  name: "WebSocket over memory, as a stream, cut",
  open: webSocketOverMemory({ messages: "stream" })
}

/** Datagrams, as large as they can be. */
export const udp: Rig = {
  ...all,
  name: "udp",
  volume: 60_000,
  halfClose: false,
  reset: false,
  frees: false,
  connected: false,
  open: Effect.gen(function* () {
    const maxDatagram = 65_507
    const listener = yield* listenerOf(TransportUdp.layer({ host, port: 0, maxDatagram }))
    return {
      carriage: { datagrams: listener.datagrams },
      listen: listener.listen,
      connect: (address) =>
        connectThrough(TransportUdp.layerClient({ host, port: portOf(address), maxDatagram }))
    }
  })
}

/** A listener and one connection through it. */
export const pairOn = Effect.fnUntraced(function* (rig: Rig) {
  const opened = yield* rig.open
  const reception = new Reception()
  const listening = yield* opened.listen(reception)
  const connect = opened.connect(listening.address)
  const client = yield* connect
  const server = yield* Effect.acquireRelease(reception.take, (wire) => Effect.sync(() => wire.destroy()))
  return { opened, reception, listening, connect, client, server }
})
