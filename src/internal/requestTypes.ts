/** What the compiler works out of a table of requests. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Connection } from "../Connection.ts"

/** A message that says what it is. */
export interface Tagged {
  readonly _tag: string
}

/** The tags of messages. */
export type TagOf<Message> = Message extends { readonly _tag: infer Tag extends string } ? Tag : never

/** The messages of a tag. */
export type Of<Message, Tag> = Extract<Message, { readonly _tag: Tag }>

/** The tag under `Key` in an exchange; never where there is none. */
export type Named<E, Key extends string> = E extends { readonly [K in Key]: infer Tag } ? Tag : never

/** Messages that take part in an exchange, and must therefore have the id. */
export type Involved<Asked, Answered, Tag, E> =
  | Of<Asked, Tag | Named<E, "cancel">>
  | Of<Answered, Named<E, "reply">>
  | Of<Answered, Named<E, "error">>
  | Of<Answered, Named<E, "each">>
  | Of<Answered, Named<E, "end">>

/** Whether all that is left of a message without tag and id may be left out. */
export type IsBare<Message, Id extends string> = [Message] extends [never]
  ? true
  : {} extends Omit<Message, "_tag" | Id>
    ? true
    : false

/** The exchanges, with never in the place of those that cannot be: the compiler points at them. */
export type Checked<Asked, Answered, Id extends string, Table> = {
  readonly [Tag in keyof Table]: Tag extends TagOf<Asked>
    ? Involved<Asked, Answered, Tag, Table[Tag]> extends { readonly [K in Id]: unknown }
      ? IsBare<Of<Asked, Named<Table[Tag], "cancel">>, Id> extends true
        ? IsBare<Of<Answered, Named<Table[Tag], "end">>, Id> extends true
          ? Table[Tag]
          : never
        : never
      : never
    : never
}

/** What the ids of messages are. */
export type IdOf<Message, Id extends string> = Message extends { readonly [K in Id]: infer Value }
  ? Value
  : never

/** The requests that are answered by something under `Key`. */
export type Answering<Table, Key extends string> = {
  [Tag in keyof Table]: Table[Tag] extends { readonly [K in Key]: string } ? Tag : never
}[keyof Table]

/** A request as it is asked: without its id. */
export type Unsent<Asked, Tag, Id extends string> = { readonly _tag: Tag } & Omit<Of<Asked, Tag>, "_tag" | Id>

/** What answers a request under `Key`. */
export type Reply<Answered, Table, Tag extends keyof Table, Key extends string> = Of<
  Answered,
  Named<Table[Tag], Key>
>

/** The requests of one direction: with one reply, and with a stream of them. */
type Asks<Table> = Answering<Table, "reply"> | Answering<Table, "each">

/** What answers say of a reply: its fields without tag and id; anything, where there are no others. */
export type Body<Message, Id extends string> = [keyof Omit<Message, "_tag" | Id>] extends [never]
  ? unknown
  : Omit<Message, "_tag" | Id>

type ErrorBody<Answered, E, Id extends string> = [Of<Answered, Named<E, "error">>] extends [never]
  ? never
  : Omit<Of<Answered, Named<E, "error">>, "_tag" | Id>

/** The answers to all requests of one direction. */
export type AnswersTo<Asked, Answered, Id extends string, Table> = {
  readonly [Tag in Asks<Table>]: (
    request: Of<Asked, Tag>,
    connection: Connection<Asked, Answered>
  ) => Table[Tag] extends { readonly each: infer Each }
    ? Stream.Stream<Body<Of<Answered, Each>, Id>, ErrorBody<Answered, Table[Tag], Id>, unknown>
    : Effect.Effect<
        Body<Of<Answered, Named<Table[Tag], "reply">>, Id>,
        ErrorBody<Answered, Table[Tag], Id>,
        unknown
      >
}

/** What a table of answers needs. */
export type AnswerServices<Answers> = {
  [Tag in keyof Answers]: Answers[Tag] extends (...args: never) => infer Answer
    ? Answer extends Effect.Effect<infer _A, infer _E, infer R>
      ? R
      : Answer extends Stream.Stream<infer _A, infer _E, infer R>
        ? R
        : never
    : never
}[keyof Answers]

/** Messages that are neither requests nor replies nor cancels. */
export type Others<Asked, Table, OtherTable> = Exclude<
  Asked,
  Of<Asked, Asks<Table> | Named<Table[keyof Table], "cancel"> | Replies<OtherTable[keyof OtherTable]>>
>

type Replies<E> = Named<E, "reply"> | Named<E, "error"> | Named<E, "each"> | Named<E, "end">
