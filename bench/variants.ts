/** The servers that are compared. A new one is a file in `servers` and a line here. */
import type { Kind } from "./lib/forms.ts"

export interface Variant {
  readonly name: string
  /** The file in `servers`, or in `competitors` where it `needs` a package. */
  readonly server: string
  readonly argument?: string
  /** The package of `bench/package.json` without which it is left out. */
  readonly needs?: string
  /** The file in `competitors` with the client that its protocol needs, where ours by hand does not speak it. */
  readonly client?: string
  /** Built with the library that `--against` names. */
  readonly against?: boolean
  readonly kind: Kind
  /** The variant that its ratios are to. */
  readonly baseline: string
  /** Only measured where `--only` names it. */
  readonly extra?: boolean
  /** Answers everybody, and not the one who asked: for broadcasts, and only for them. */
  readonly broadcasts?: boolean
  /** Server and load client share all cores, as several workers need it. */
  readonly onAllCores?: boolean
  /** For the notes below a table. */
  readonly note?: string
}

const bytes = { kind: "bytes", baseline: "net" } as const
const work = { kind: "bytes", baseline: "workAlone", onAllCores: true } as const
const byHand = "spoken by the load client by hand"

export const variants: ReadonlyArray<Variant> = [
  // The limit, and what Effect has by itself.
  { name: "net", server: "net", ...bytes, note: "`node:net` by hand, one write a chunk" },
  { name: "effectSocket", server: "effectSocket", ...bytes, note: "Effect's `SocketServer`, same framing" },

  // This library, raw bytes.
  { name: "stream", server: "sluice", argument: "stream", ...bytes, note: "`messages` into `sink`" },
  { name: "map", server: "sluice", argument: "map", ...bytes, note: "`Handler.map`" },
  { name: "each", server: "sluice", argument: "each", ...bytes, note: "`Handler.each` and `send`" },
  { name: "sync", server: "sluice", argument: "sync", ...bytes, note: "`each` with an `Effect.sync`" },
  { name: "gen", server: "sluice", argument: "gen", ...bytes, note: "one `Effect.gen` a message" },
  { name: "fn", server: "sluice", argument: "fn", ...bytes, extra: true },
  { name: "mapEffect", server: "sluice", argument: "mapEffect", ...bytes, extra: true },
  { name: "plain", server: "sluice", argument: "plain", ...bytes, extra: true, note: "every deadline off" },
  { name: "deadlines", server: "sluice", argument: "deadlines", ...bytes, note: "every deadline on" },
  { name: "heartbeat", server: "sluice", argument: "heartbeat", ...bytes, note: "the same, and a heartbeat" },
  { name: "workers", server: "sluice", argument: "workers", ...bytes, note: "both, and `Workers.limit`" },

  // One process and several, with some work for each message; they share the cores with the load client.
  { name: "workAlone", server: "sluiceWork", argument: "alone", ...work, note: "one process, no supervisor" },
  { name: "work1", server: "sluiceWork", argument: "1-roundRobin", ...work, note: "`Multicore`, one worker" },
  {
    name: "work2",
    server: "sluiceWork",
    argument: "2-roundRobin",
    ...work,
    note: "`Multicore`, two workers"
  },
  {
    name: "work2Kernel",
    server: "sluiceWork",
    argument: "2-kernel",
    ...work,
    extra: true,
    note: "two workers, balance `kernel`; Node 22.12 or later"
  },
  {
    name: "netCluster2",
    server: "netCluster",
    argument: "2",
    ...work,
    note: "`node:cluster` by hand, two workers"
  },

  // Typed messages, each against the same work by hand.
  { name: "netRoute", server: "netRoute", kind: "tagged", baseline: "netRoute", note: "an id, by hand" },
  { name: "route", server: "sluiceRoute", kind: "tagged", baseline: "netRoute", note: "`Handler.route`" },
  { name: "netJson", server: "netJson", kind: "json", baseline: "netJson", note: "JSON by hand, checked" },
  { name: "json", server: "sluice", argument: "json", kind: "json", baseline: "netJson" },
  {
    name: "jsonCompiled",
    server: "sluiceCompiled",
    argument: "json",
    kind: "json",
    baseline: "netJson",
    note: "with `SchemaJITCompiler`"
  },
  { name: "netBinary", server: "netBinary", kind: "packed", baseline: "netBinary", note: "fields by hand" },
  { name: "binary", server: "sluice", argument: "binary", kind: "binary", baseline: "netBinary" },
  {
    name: "binaryCompiled",
    server: "sluiceCompiled",
    argument: "binary",
    kind: "binary",
    baseline: "netBinary",
    note: "with `SchemaJITCompiler`"
  },

  { name: "netBroadcast", server: "netBroadcast", kind: "bytes", baseline: "netBroadcast", broadcasts: true },
  { name: "broadcast", server: "sluiceBroadcast", kind: "bytes", baseline: "netBroadcast", broadcasts: true },

  // What there is instead.
  {
    name: "effectRpc",
    server: "effectRpc",
    kind: "effectRpc",
    baseline: "net",
    note: `JSON lines; ${byHand}`
  },
  { name: "ws", server: "ws", needs: "ws", kind: "webSocket", baseline: "net", note: byHand },
  {
    name: "socketIo",
    server: "socketIo",
    needs: "socket.io",
    kind: "socketIo",
    baseline: "net",
    note: `an event with a text over WebSocket; ${byHand}`
  },
  {
    name: "grpc",
    server: "grpc",
    needs: "@grpc/grpc-js",
    client: "grpcClient",
    ...bytes,
    note: "a bidirectional stream of bytes; the client is its own, and often the limit: see `load`"
  },
  {
    name: "nest",
    server: "nest",
    needs: "@nestjs/microservices",
    kind: "nest",
    baseline: "net",
    note: `TCP microservice, \`length#json\`; ${byHand}`
  }
]

/** The variants of this library, once more, with the library that `--against` names. */
export const againstVariants = (all: ReadonlyArray<Variant>): ReadonlyArray<Variant> =>
  all.flatMap((variant) =>
    variant.server.startsWith("sluice")
      ? [variant, { ...variant, name: `${variant.name}@against`, against: true }]
      : [variant]
  )
