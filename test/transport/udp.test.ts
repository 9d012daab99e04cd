import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Stream } from "effect"
import * as Client from "../../src/Client.ts"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Resp from "../../src/Resp.ts"
import * as Server from "../../src/Server.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportUdp from "../../src/TransportUdp.ts"
import { eventually } from "../support/pair.ts"
import { clientOf, host, serve, UdpPeer } from "../support/udp.ts"
import { problemsOf } from "./nodeSupport.ts"

const lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 1000 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const texts = Protocol.make("Texts", {
  framing: Framing.untilEnd(),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const echo = Handler.map((text: string) => text)

const live = (name: string, test: Effect.Effect<void, unknown, never>) => it.live(name, () => test)

const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.scoped(effect), Logger.layer([]))

describe("a server on UDP", () => {
  live(
    "takes several frames in a datagram, and answers each in one of its own",
    Effect.gen(function* () {
      const { peer } = yield* serve(lines, echo)
      const one = yield* peer
      yield* one.send("a\nb\nc\n")
      yield* one.hears("a\n", "b\n", "c\n")
      assert.lengthOf(one.heard, 3)
    }).pipe(quietly)
  )

  live(
    "takes a datagram as a message, an empty one too, where the framing has no marks",
    Effect.gen(function* () {
      const { peer } = yield* serve(
        texts,
        Handler.map((text) => `<${text}>`),
        { amplification: "off" }
      )
      const one = yield* peer
      yield* one.send("a\nb")
      yield* one.send("")
      yield* one.hears("<a\nb>", "<>")
    }).pipe(quietly)
  )

  live(
    "knows its peers: registry, addresses, events",
    Effect.gen(function* () {
      const { peer, server, some } = yield* serve(lines, echo)
      const [one, two] = [yield* peer, yield* peer]
      yield* one.send("one\n")
      yield* two.send("two\n")
      yield* one.hears("one\n")
      yield* two.hears("two\n")
      const connections = yield* server.connections(lines)
      const list = yield* connections.list
      assert.deepStrictEqual(
        list.map(({ remoteAddress }) => formatAddress(remoteAddress)),
        [`udp:127.0.0.1:${one.port}`, `udp:127.0.0.1:${two.port}`]
      )
      assert.strictEqual(formatAddress(list[0]!.localAddress), formatAddress(server.address))
      assert.lengthOf(some("Opened"), 2)
      const result = yield* connections.broadcast("all")
      assert.lengthOf(result.delivered, 2)
      yield* one.hears("all\n")
      yield* two.hears("all\n")
      assert.lengthOf(yield* connections.closeByAddress(host), 2)
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "nobody is left")
      yield* one.send("again\n")
      yield* one.hears("again\n")
      assert.lengthOf(some("Opened"), 3)
    }).pipe(quietly)
  )

  live(
    "has peers of both families on one socket, by their own addresses",
    Effect.gen(function* () {
      const server = yield* Server.make(lines, echo).pipe(Effect.provide(TransportUdp.layer({ port: 0 })))
      const { port } = server.address as { readonly port: number }
      const four = new UdpPeer(port)
      const six = new UdpPeer(port, "::1", "udp6")
      yield* four.send("four\n")
      yield* six.send("six\n")
      yield* four.hears("four\n")
      yield* six.hears("six\n")
      const list = yield* (yield* server.connections(lines)).list
      assert.sameMembers(
        list.map(({ remoteAddress }) => formatAddress(remoteAddress)),
        [`udp:127.0.0.1:${four.port}`, `udp:[::1]:${six.port}`]
      )
      four.close()
      six.close()
    }).pipe(quietly)
  )

  live(
    "drops what is not a whole frame, tells of it, carries nothing over and lives on",
    Effect.gen(function* () {
      const { happens, peer, server, some } = yield* serve(lines, echo)
      const one = yield* peer
      yield* one.send("good\n")
      yield* one.hears("good\n")
      yield* one.send("before\nhalf")
      yield* one.hears("before\n")
      yield* happens("DatagramsDropped")
      yield* one.send(" other half\n")
      yield* one.hears(" other half\n")
      const [dropped] = some("DatagramsDropped")
      assert.strictEqual(dropped?.cause, "noFrame")
      assert.strictEqual(dropped?.bytes, 11)
      assert.include(dropped?.detail, "input ended inside a frame")
      assert.strictEqual(formatAddress(dropped!.remoteAddress), `udp:127.0.0.1:${one.port}`)
      const [info] = yield* (yield* server.connections(lines)).list
      assert.strictEqual(info?.stats.skipped, 1)
      assert.lengthOf(some("Closed"), 0)
    }).pipe(quietly)
  )

  live(
    "makes nobody a peer by a datagram without frames, and sends nothing there",
    Effect.gen(function* () {
      const greeted: Array<string> = []
      const { happens, peer, server, some } = yield* serve(
        lines,
        (connection) =>
          Effect.andThen(
            connection.send("hello"),
            Stream.runForEach(connection.messages, (text) => Effect.sync(() => greeted.push(text)))
          ),
        { amplification: "off" }
      )
      const one = yield* peer
      yield* one.send("no newline")
      yield* happens("DatagramsDropped")
      assert.strictEqual(some("DatagramsDropped")[0]?.cause, "noFrame")
      assert.strictEqual(yield* server.connectionCount, 0)
      yield* one.send("x\n")
      yield* one.hears("hello\n")
      assert.deepStrictEqual(one.heard, ["hello\n"])
      assert.deepStrictEqual(greeted, ["x"])
    }).pipe(quietly)
  )

  live(
    "refuses datagrams that are too long, in and out",
    Effect.gen(function* () {
      const failure = yield* Deferred.make<string>()
      const { happens, peer, some } = yield* serve(
        lines,
        (connection) =>
          Stream.runForEach(connection.messages, (text) =>
            connection
              .send(text.repeat(3))
              .pipe(
                Effect.catchTag("MessageError", ({ issue }) =>
                  Effect.andThen(Deferred.succeed(failure, issue.message), connection.send("too long"))
                )
              )
          ),
        { maxDatagram: 20, amplification: "off" }
      )
      const one = yield* peer
      yield* one.send(`${"a".repeat(20)}\n`)
      yield* happens("DatagramsDropped")
      assert.strictEqual(some("DatagramsDropped")[0]?.cause, "tooLong")
      yield* one.send(`${"b".repeat(7)}\n`)
      yield* one.hears("too long\n")
      assert.strictEqual(yield* Deferred.await(failure), "a datagram of 22 bytes exceeds the maximum of 20")
    }).pipe(quietly)
  )

  live(
    "forgets a peer that is silent, in good order, and takes it for somebody new afterwards",
    Effect.gen(function* () {
      const { happens, peer, some } = yield* serve(lines, echo, { idleTimeout: "30 millis" })
      const one = yield* peer
      yield* one.send("a\n")
      yield* one.hears("a\n")
      yield* happens("Closed")
      assert.strictEqual(some("Closed")[0]?.reason._tag, "PeerClosed")
      yield* one.send("b\n")
      yield* one.hears("b\n")
      assert.notStrictEqual(some("Opened")[0]?.connection, some("Opened")[1]?.connection)
    }).pipe(quietly)
  )

  live(
    "ends a peer whose handler returns or fails, and nobody else",
    Effect.gen(function* () {
      const { happens, peer, some } = yield* serve(lines, (connection) =>
        Stream.runForEach(
          connection.messages,
          (text): Effect.Effect<void, unknown> =>
            text === "fail" ? Effect.fail("failed") : connection.send(text)
        )
      )
      const [bad, good] = [yield* peer, yield* peer]
      yield* good.send("first\n")
      yield* bad.send("fail\n")
      yield* happens("Closed")
      assert.strictEqual(some("Closed")[0]?.reason._tag, "HandlerFailed")
      yield* good.send("second\n")
      yield* good.hears("first\n", "second\n")
      assert.lengthOf(some("Opened"), 2)
    }).pipe(quietly)
  )

  live(
    "keeps what a slow handler may have waiting, drops the rest and counts it",
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const taken: Array<string> = []
      const { happens, peer, server, some } = yield* serve(
        lines,
        (connection) =>
          Effect.andThen(
            Deferred.await(gate),
            Stream.runForEach(connection.messages, (text) => Effect.sync(() => taken.push(text)))
          ),
        { maxQueued: 3 },
        { inbound: { maxMessages: 2 } }
      )
      const one = yield* peer
      const count = 20
      for (let i = 0; i < count; i++) yield* one.send(`${i}\n`)
      yield* happens("DatagramsDropped")
      yield* server.suspend
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => taken.length >= 5, "what waited is taken")
      yield* server.stop
      // Two in the inbound queue, three in front of it, and those that came afterwards.
      assert.deepStrictEqual(taken.slice(0, 5), ["0", "1", "2", "3", "4"])
      const lost = () => some("DatagramsDropped").reduce((sum, { datagrams }) => sum + datagrams, 0)
      yield* eventually(() => taken.length + lost() === count, "what is not taken is told")
      assert.isTrue(some("DatagramsDropped").every(({ cause }) => cause === "slow"))
    }).pipe(quietly)
  )

  live(
    "sends no more than a multiple of what came, unless it is told to",
    Effect.gen(function* () {
      const { happens, peer, some } = yield* serve(
        lines,
        Handler.map((text) => text.repeat(100))
      )
      const one = yield* peer
      yield* one.send("a\n")
      yield* happens("DatagramsDropped")
      assert.deepInclude(some("DatagramsDropped")[0], { cause: "amplification", datagrams: 1, bytes: 101 })
      assert.deepStrictEqual(one.heard, [])
    }).pipe(quietly)
  )

  live(
    "has at most so many peers, and so many new ones a second",
    Effect.gen(function* () {
      const few = yield* serve(lines, echo, { maxPeers: 2 })
      const peers = [yield* few.peer, yield* few.peer, yield* few.peer]
      for (const [i, peer] of peers.slice(0, 2).entries()) {
        yield* peer.send(`${i}\n`)
        yield* peer.hears(`${i}\n`)
      }
      yield* peers[2]!.send("2\n")
      yield* few.happens("DatagramsDropped")
      assert.strictEqual(few.some("DatagramsDropped")[0]?.cause, "peers")
      assert.strictEqual(yield* few.server.connectionCount, 2)

      const slow = yield* serve(lines, echo, { newPeersPerSecond: 1 })
      const [first, second] = [yield* slow.peer, yield* slow.peer]
      yield* first.send("a\n")
      yield* first.hears("a\n")
      yield* second.send("b\n")
      yield* slow.happens("DatagramsDropped")
      assert.strictEqual(slow.some("DatagramsDropped")[0]?.cause, "newPeers")
      yield* first.send("c\n")
      yield* first.hears("c\n")
    }).pipe(quietly)
  )

  live(
    "admits by address as any server does, with a farewell",
    Effect.gen(function* () {
      const { happens, peer, server, some } = yield* serve(
        lines,
        echo,
        {},
        {
          admission: { maxPerAddress: 1, farewell: (reason) => reason }
        }
      )
      const [one, two] = [yield* peer, yield* peer]
      yield* one.send("a\n")
      yield* one.hears("a\n")
      yield* two.send("hello?\n")
      yield* two.hears("address\n")
      yield* happens("Refused")
      assert.strictEqual(some("Refused")[0]?.reason, "address")
      assert.strictEqual(yield* server.connectionCount, 1)
      yield* one.send("b\n")
      yield* one.hears("b\n")
    }).pipe(quietly)
  )

  live(
    "stops at once where nobody is busy, and after the answers where somebody is",
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const { peer, server } = yield* serve(
        lines,
        Handler.each((text, connection) =>
          Effect.gen(function* () {
            yield* Deferred.succeed(begun, undefined)
            if (text === "wait") yield* Deferred.await(gate)
            yield* connection.send(`${text}!`)
          })
        ),
        { amplification: "off" },
        { goodbye: "goodbye", closeTimeout: "1 minute", drainTimeout: "1 minute" }
      )
      const [idle, busy] = [yield* peer, yield* peer]
      yield* idle.send("quick\n")
      yield* idle.hears("quick!\n")
      yield* busy.send("wait\n")
      yield* Deferred.await(begun)
      yield* eventually(() => Effect.runSync(server.connectionCount) === 2, "both are here")
      const stopping = yield* Effect.forkChild(server.stop)
      yield* idle.hears("goodbye\n")
      yield* eventually(() => Effect.runSync(server.connectionCount) === 1, "who is idle is gone")
      yield* Deferred.succeed(gate, undefined)
      const report = yield* Fiber.join(stopping)
      assert.deepInclude(report, { clean: 2, forced: 0 })
      yield* busy.hears("wait!\n")
    }).pipe(quietly)
  )

  live(
    "takes nobody new while it is suspended, keeps its peers, and comes back at the same address",
    Effect.gen(function* () {
      const { peer, port, server, some } = yield* serve(lines, echo)
      const [old, young] = [yield* peer, yield* peer]
      yield* old.send("a\n")
      yield* old.hears("a\n")
      yield* server.suspend
      yield* young.send("in vain\n")
      yield* old.send("b\n")
      yield* old.hears("b\n")
      assert.lengthOf(some("Opened"), 1)
      yield* server.resume
      yield* young.send("c\n")
      yield* young.hears("c\n")
      yield* old.send("d\n")
      yield* old.hears("d\n")
      assert.deepStrictEqual(young.heard, ["c\n"])
      assert.lengthOf(some("Opened"), 2)
      // Without peers the address is free, and taken again.
      yield* server.suspend
      const connections = yield* server.connections(lines)
      yield* connections.closeByAddress(host)
      yield* eventually(() => Effect.runSync(server.connectionCount) === 0, "nobody is left")
      const other = yield* Server.make(lines, echo).pipe(Effect.provide(TransportUdp.layer({ host, port })))
      yield* other.stop
      yield* server.resume
      yield* young.send("e\n")
      yield* young.hears("e\n")
    }).pipe(quietly)
  )

  live(
    "cannot listen where somebody else does, nor at a host that there is not",
    Effect.gen(function* () {
      const { port } = yield* serve(lines, echo)
      const error = yield* Effect.flip(
        Server.make(lines, echo).pipe(Effect.provide(TransportUdp.layer({ host, port })))
      )
      assert.deepInclude(error, {
        _tag: "TransportError",
        kind: "AddressInUse",
        address: `udp:${host}:${port}`
      })
      const unknown = yield* Effect.flip(
        Server.make(lines, echo).pipe(Effect.provide(TransportUdp.layer({ host: "host.invalid", port: 0 })))
      )
      assert.deepInclude(unknown, { _tag: "TransportError", kind: "UnknownHost" })
    }).pipe(quietly)
  )

  live(
    "carries messages that delimit themselves, too",
    Effect.gen(function* () {
      const { happens, peer } = yield* serve(
        Resp.protocol(),
        Handler.map(({ args }) => Resp.simpleString(`${args.length}`))
      )
      const one = yield* peer
      yield* one.send("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\n*1\r\n$4\r\nPI")
      yield* happens("DatagramsDropped")
      yield* one.send("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\na\r\n")
      yield* one.hears("+1\r\n", "+2\r\n")
    }).pipe(quietly)
  )

  live(
    "has no protocol that may be left for another one",
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Server.make(Protocol.switchable(lines), echo).pipe(
          Effect.provide(TransportUdp.layer({ host, port: 0 }))
        )
      )
      assert.deepInclude(error, {
        _tag: "InvalidConfig",
        problems: [
          { path: "protocol.switchable", message: "needs a stream, and this transport has datagrams" }
        ]
      })
    }).pipe(quietly)
  )
})

describe("a client on UDP", () => {
  live(
    "hears its server and nobody else",
    Effect.gen(function* () {
      const { port } = yield* serve(lines, echo)
      const client = yield* Client.connect(lines).pipe(Effect.provide(clientOf(port)))
      assert.strictEqual(formatAddress(client.remoteAddress), `udp:127.0.0.1:${port}`)
      const { port: own } = client.localAddress as { readonly port: number }
      const stranger = new UdpPeer(own)
      yield* stranger.send("not for you\n")
      yield* client.sendAll(["a", "b"])
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 2)), ["a", "b"])
      stranger.close()
    }).pipe(quietly)
  )

  live(
    "is told that nobody is there",
    Effect.gen(function* () {
      const { port, server } = yield* serve(lines, echo)
      yield* server.stop
      const client = yield* Client.connect(lines).pipe(Effect.provide(clientOf(port)))
      yield* client.send("hello?")
      const reason = yield* client.closed
      assert.deepInclude(reason, { _tag: "PeerReset", detail: "ECONNREFUSED" })
    }).pipe(quietly)
  )

  live(
    "comes back by its schedule when the server does",
    Effect.gen(function* () {
      const { port, server } = yield* serve(lines, echo)
      const client = yield* Client.make(lines).pipe(Effect.provide(clientOf(port)))
      yield* client.send("a")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), ["a"])
      yield* server.stop
      yield* Server.make(lines, echo).pipe(Effect.provide(TransportUdp.layer({ host, port })))
      yield* client.send("b")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(client.messages, 1)), ["b"])
    }).pipe(quietly)
  )

  live(
    "closes at once, for there is nothing to wait for",
    Effect.gen(function* () {
      const { port } = yield* serve(lines, echo)
      const client = yield* Client.connect(lines, { closeTimeout: "1 hour" }).pipe(
        Effect.provide(clientOf(port))
      )
      yield* client.send("last word")
      yield* client.close
      assert.strictEqual((yield* client.closed)._tag, "LocalClosed")
      const again = yield* Client.connect(lines, { closeTimeout: "1 hour" }).pipe(
        Effect.provide(clientOf(port))
      )
      yield* again.end
      assert.deepStrictEqual(yield* Stream.runCollect(again.messages), [])
    }).pipe(quietly)
  )

  live(
    "finds no host that there is not, and no address of its own that is not its own",
    Effect.gen(function* () {
      const kindOf = (layer: ReturnType<typeof clientOf>) =>
        Effect.flip(Effect.provide(Client.connect(lines), layer))
      assert.deepInclude(yield* kindOf(clientOf(1, { host: "host.invalid" })), { kind: "UnknownHost" })
      assert.deepInclude(yield* kindOf(clientOf(1, { localAddress: "192.0.2.1" })), {
        kind: "AddressNotAvailable"
      })
    }).pipe(quietly)
  )
})

describe("the options of UDP", () => {
  it.effect("tells all problems at once", () =>
    Effect.gen(function* () {
      // Wrong on purpose, as a caller without types could be.
      const server = {
        port: -1,
        maxDatagram: 70_000,
        amplification: -1,
        idleTimeout: "never",
        newPeersPerSecond: "on",
        backlog: 1
      }
      const problems = yield* problemsOf(TransportUdp.layer(server as never))
      assert.deepStrictEqual(problems.map(({ path }) => path).toSorted(), [
        "amplification",
        "backlog",
        "idleTimeout",
        "maxDatagram",
        "newPeersPerSecond",
        "port"
      ])
      assert.include(
        problems.find(({ path }) => path === "amplification")?.message,
        "must be a number from 0 to 1000, or off"
      )
      assert.lengthOf(yield* problemsOf(TransportUdp.layerClient({ port: 0 })), 1)
      yield* Effect.scoped(
        Layer.build(TransportUdp.layer({ port: 0, amplification: "off", newPeersPerSecond: "off" }))
      )
    })
  )
})
