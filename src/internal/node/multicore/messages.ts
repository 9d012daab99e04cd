/** What a supervisor and its workers say to each other, and the check that they did. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Count = Schema.Number.check(
  Schema.makeFilter((value) => (Number.isSafeInteger(value) && value >= 0 ? undefined : "must be a count"))
)

const Place = Schema.Union([
  Schema.TaggedStruct("Tcp", {
    port: Count,
    host: Schema.optional(Schema.String),
    backlog: Count,
    ipv6Only: Schema.Boolean,
    exclusive: Schema.Boolean
  }),
  Schema.TaggedStruct("Unix", {
    path: Schema.String,
    mode: Schema.optional(Count),
    backlog: Count
  })
])

const AddressShape = Schema.Union([
  Schema.TaggedStruct("Tcp", { host: Schema.String, port: Count }),
  Schema.TaggedStruct("Unix", { path: Schema.String }),
  Schema.TaggedStruct("Memory", { name: Schema.String }),
  Schema.TaggedStruct("Udp", { host: Schema.String, port: Count }),
  Schema.TaggedStruct("Stdio", {}),
  Schema.TaggedStruct("Process", { command: Schema.String, pid: Count }),
  Schema.TaggedStruct("Unknown", {})
])

const GroupKey = Schema.Union([Schema.String, Schema.Number])

const Frames = Schema.Array(
  Schema.Struct({ codec: Schema.UndefinedOr(Schema.String), frame: Schema.Uint8Array })
)

/** What the workers of a machine are asked, all of them or one. */
export const Question = Schema.Union([
  Schema.TaggedStruct("Size", { protocol: Schema.String }),
  Schema.TaggedStruct("List", { protocol: Schema.String, limit: Count }),
  Schema.TaggedStruct("Broadcast", { protocol: Schema.String, frames: Frames }),
  Schema.TaggedStruct("Unicast", { protocol: Schema.String, id: Count, frames: Frames }),
  Schema.TaggedStruct("CloseById", { protocol: Schema.String, id: Count }),
  Schema.TaggedStruct("CloseByAddress", {
    protocol: Schema.String,
    peer: Schema.Union([Schema.String, AddressShape])
  }),
  Schema.TaggedStruct("Members", { groups: Schema.String, key: GroupKey, limit: Count }),
  Schema.TaggedStruct("Groups", { groups: Schema.String, limit: Count })
])

export type Question = typeof Question.Type

/** A message to the members of groups, on its way to the processes that have some. */
const Publication = { groups: Schema.String, keys: Schema.Array(GroupKey), payload: Schema.Uint8Array }

const FromWorker = Schema.Union([
  // The program's layers are built.
  Schema.TaggedStruct("Ready", {}),
  // A signal came from outside: this process is about to end.
  Schema.TaggedStruct("Leaving", {}),
  Schema.TaggedStruct("Pong", {}),
  // A listener takes no more sockets.
  Schema.TaggedStruct("Close", { listener: Schema.String }),
  // With what `Connections` would say.
  Schema.TaggedStruct("Taken", { socket: Count, count: Count, gone: Schema.Array(Count) }),
  // A socket that came too late, for its listener is closed, or did not come with its message.
  Schema.TaggedStruct("Returned", { socket: Count, closed: Schema.Boolean }),
  // How many connections there are, and which of the handed sockets are gone since it was told last.
  Schema.TaggedStruct("Connections", { count: Count, gone: Schema.Array(Count) }),
  Schema.TaggedStruct("Publish", Publication),
  Schema.TaggedStruct("Unsubscribe", { topics: Schema.Array(Schema.String) })
])

const WorkerRequest = Schema.Union([
  Schema.TaggedStruct("Listen", { place: Place, occurrence: Count }),
  // From now on the worker takes sockets of a listener, or listens by itself where it was told to.
  Schema.TaggedStruct("Opened", { listener: Schema.String }),
  // A listener is about to close: who waits in the backlog shall be handed over before.
  Schema.TaggedStruct("Sweep", { listener: Schema.String }),
  Schema.TaggedStruct("Subscribe", { topic: Schema.String }),
  Schema.TaggedStruct("Ask", { to: Schema.UndefinedOr(Count), question: Question }),
  Schema.TaggedStruct("Workers", {}),
  Schema.TaggedStruct("Reload", {})
])

const FromSupervisor = Schema.Union([
  // Comes with the socket itself.
  Schema.TaggedStruct("Socket", { socket: Count, listener: Schema.String }),
  Schema.TaggedStruct("Ping", {}),
  Schema.TaggedStruct("Deliver", Publication)
])

export type FromWorker = typeof FromWorker.Type
export type WorkerRequest = typeof WorkerRequest.Type
export type FromSupervisor = typeof FromSupervisor.Type

const envelopeOf = <N extends Schema.Constraint, R extends Schema.Constraint>(notice: N, request: R) =>
  Schema.Union([
    Schema.TaggedStruct("Notice", { body: notice }),
    Schema.TaggedStruct("Request", { id: Count, body: request }),
    Schema.TaggedStruct("Reply", { id: Count, body: Schema.Unknown })
  ])

const ToSupervisor = envelopeOf(FromWorker, WorkerRequest)
const ToWorker = envelopeOf(FromSupervisor, Question)

/** A message as it travels. */
export type Envelope<Notice, Request> =
  | { readonly _tag: "Notice"; readonly body: Notice }
  | { readonly _tag: "Request"; readonly id: number; readonly body: Request }
  | { readonly _tag: "Reply"; readonly id: number; readonly body: unknown }

const key = "effect-sluice"

/** Ours among whatever else the program sends over the same channel. */
export const wrap = (envelope: Envelope<unknown, unknown>): object => ({ [key]: envelope })

const unwrapped = (message: unknown): unknown =>
  typeof message === "object" && message !== null && key in message
    ? // The key has just been found.
      (message as Record<typeof key, unknown>)[key]
    : undefined

/** What a message is: `foreign` where it is not ours, `invalid` where it should be and is nothing that we know. */
export type Reading<A> = A | "foreign" | "invalid"

const readerOf = <A>(decode: (input: unknown) => Option.Option<A>) => {
  return (message: unknown): Reading<A> => {
    const inner = unwrapped(message)
    if (inner === undefined) return "foreign"
    const decoded = decode(inner)
    return Option.isSome(decoded) ? decoded.value : "invalid"
  }
}

export const readFromWorker = readerOf<Envelope<FromWorker, WorkerRequest>>(
  Schema.decodeUnknownOption(ToSupervisor)
)
export const readFromSupervisor = readerOf<Envelope<FromSupervisor, Question>>(
  Schema.decodeUnknownOption(ToWorker)
)

const FailureName = Schema.Literals([
  "AddressInUse",
  "AddressNotAvailable",
  "PermissionDenied",
  "ConnectionRefused",
  "ConnectionReset",
  "UnknownHost",
  "CommandNotFound",
  "Timeout",
  "BadCertificate",
  "UnreadableFile",
  "HandshakeFailed",
  "NotSupported",
  "Closed",
  "Unknown"
])

/** What a listener of a worker is told: sockets will come, or where to listen by itself, or that it cannot be. */
export const ListenReply = Schema.Union([
  Schema.TaggedStruct("Handed", {
    listener: Schema.String,
    host: Schema.UndefinedOr(Schema.String),
    port: Schema.UndefinedOr(Count)
  }),
  Schema.TaggedStruct("Shared", { listener: Schema.String, port: Count }),
  Schema.TaggedStruct("Failed", { kind: FailureName, address: Schema.String, detail: Schema.String })
])

export type ListenReply = typeof ListenReply.Type

const DeliveryName = Schema.Literals(["queued", "full", "closed", "switched"])

const Missed = Schema.Array(
  Schema.Struct({ id: Count, reason: Schema.Literals(["full", "closed", "switched"]) })
)

const PeerInfo = Schema.Struct({
  id: Count,
  remoteAddress: AddressShape,
  localAddress: AddressShape,
  ageMillis: Schema.Number,
  bytesIn: Count,
  bytesOut: Count,
  messagesIn: Count,
  messagesOut: Count
})

/** The answers to questions. */
export const answers = {
  Size: Count,
  List: Schema.Array(PeerInfo),
  Broadcast: Schema.Struct({ delivered: Count, failed: Missed }),
  Unicast: DeliveryName,
  CloseById: Schema.Boolean,
  CloseByAddress: Schema.Array(Count),
  Members: Schema.Struct({ count: Count, ids: Schema.Array(Count) }),
  Groups: Schema.Array(GroupKey)
} as const

export type AnswerTo<Tag extends Question["_tag"]> = (typeof answers)[Tag]["Type"]

const WorkerState = Schema.Literals(["starting", "running", "draining"])

/** One worker, as the supervisor tells it. */
export const WorkerInfo = Schema.Struct({
  worker: Count,
  index: Count,
  pid: Count,
  state: WorkerState,
  restarts: Count,
  connections: Count,
  upMillis: Schema.Number
})

/** What the workers that were asked have answered, and which of them have not in time. */
export const Answers = Schema.Struct({
  answers: Schema.Array(Schema.Struct({ worker: Count, value: Schema.Unknown })),
  missing: Schema.Array(Count)
})
