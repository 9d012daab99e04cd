/** What one end of a connection asks and answers, as tables by tag. */
import type { OptionProblem } from "../SluiceError.ts"

/** The tags of one kind of request. Either `reply`, or `each` and `end`. */
export interface ExchangeTags {
  readonly reply?: string | undefined
  readonly error?: string | undefined
  readonly each?: string | undefined
  readonly end?: string | undefined
  readonly cancel?: string | undefined
}

/** The requests of one direction, by tag. */
export type ExchangeTable = Readonly<Record<string, ExchangeTags>>

/** Fits a signed number of 32 bits, which every codec has. */
export const defaultMaxId = 2 ** 31 - 1

/** Every table that a protocol has is one of exchanges by tag, whatever its own type says more. */
export const exchangesOf = (table: unknown): ExchangeTable => table as ExchangeTable

/** How ids look. */
export interface IdPlan {
  readonly field: string
  readonly max: number
  readonly from: (sequence: number) => unknown
}

/** The requests of a protocol, seen from one of its ends. */
export interface RequestPlan extends IdPlan {
  /** What this end asks. */
  readonly asks: ExchangeTable
  /** What this end answers. */
  readonly answers: ExchangeTable
  /** The tags of what comes back to this end. */
  readonly replies: ReadonlySet<string>
  /** The tags with which the other end takes a request back. */
  readonly cancels: ReadonlySet<string>
}

export const planRequests = (id: IdPlan, asks: ExchangeTable, answers: ExchangeTable): RequestPlan => ({
  ...id,
  asks,
  answers,
  replies: new Set(Object.values(asks).flatMap(replyTags)),
  cancels: new Set(Object.values(answers).flatMap(({ cancel }) => (cancel === undefined ? [] : [cancel])))
})

const replyTags = ({ each, end, error, reply }: ExchangeTags): ReadonlyArray<string> =>
  [reply, error, each, end].filter((tag) => tag !== undefined)

/** What is wrong with the requests of a protocol. */
export const requestProblems = (
  { max = defaultMaxId }: { readonly max?: number | undefined },
  fromClient: ExchangeTable,
  fromServer: ExchangeTable,
  switchable = false
): ReadonlyArray<OptionProblem> => [
  // A reply is read whether its handler asks for messages or not.
  ...(switchable
    ? [{ path: "requests", message: "a protocol has requests or is switchable, not both" }]
    : []),
  ...(Number.isSafeInteger(max) && max >= 1
    ? []
    : [{ path: "requests.id.max", message: `must be a whole number from 1 to 2^53 - 1, is ${max}` }]),
  ...directionProblems("requests.fromClient", fromClient, fromServer),
  ...directionProblems("requests.fromServer", fromServer, fromClient)
]

/** What is wrong with the requests of one direction. A tag with two meanings could not be told apart. */
const directionProblems = (
  path: "requests.fromClient" | "requests.fromServer",
  asks: ExchangeTable,
  answers: ExchangeTable
): ReadonlyArray<OptionProblem> => {
  const problems: Array<OptionProblem> = []
  const { cancels, replies } = planRequests({ field: "", max: 1, from: String }, answers, asks)
  for (const tag of Object.keys(asks)) {
    if (replies.has(tag)) problems.push({ path: `${path}.${tag}`, message: "is also a reply of this side" })
    if (cancels.has(tag)) problems.push({ path: `${path}.${tag}`, message: "is also a cancel of this side" })
  }
  for (const [tag, exchange] of Object.entries(asks)) {
    if (exchange.cancel !== undefined && replies.has(exchange.cancel)) {
      problems.push({ path: `${path}.${tag}.cancel`, message: "is also a reply of this side" })
    }
    const { each, end, error } = exchange
    if (each !== undefined && (each === end || each === error)) {
      problems.push({ path: `${path}.${tag}.each`, message: "is also how the stream ends" })
    }
    if (error !== undefined && (error === end || error === exchange.reply)) {
      problems.push({ path: `${path}.${tag}.error`, message: "is also how it succeeds" })
    }
  }
  return problems
}

/** The tag of a message, and its id; undefined where it has none. */
export const tagOf = (message: unknown): string | undefined =>
  typeof message === "object" && message !== null && "_tag" in message && typeof message._tag === "string"
    ? message._tag
    : undefined

/** A field of a message, by a name that only the protocol knows. */
export const fieldOf = (message: unknown, field: string): unknown =>
  // Reading a field that is not there is undefined, and no id.
  (message as Readonly<Record<string, unknown>>)[field]
