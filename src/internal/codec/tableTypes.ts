/** What the compiler reads off a table of tagged messages. */
import type * as Schema from "effect/Schema"
import type * as Codec from "../../Codec.ts"

// The type of a message table's entries, read off whichever of the two forms each entry has.
type EntryCodec<Entry> = Entry extends { readonly schema: infer S }
  ? S extends Schema.Codec<infer A, infer _I, infer RD, infer RE>
    ? Codec.Codec<A, RD, RE>
    : never
  : Entry extends { readonly codec: infer C }
    ? C
    : never

export type EntryMessage<Entry> =
  EntryCodec<Entry> extends Codec.Codec<infer A, infer _RD, infer _RE> ? A : never
type EntryDecoding<Entry> = EntryCodec<Entry> extends Codec.Codec<infer _A, infer RD, infer _RE> ? RD : never
type EntryEncoding<Entry> = EntryCodec<Entry> extends Codec.Codec<infer _A, infer _RD, infer RE> ? RE : never

export type DecodingOf<Table> = { readonly [Tag in keyof Table]: EntryDecoding<Table[Tag]> }[keyof Table]
export type EncodingOf<Table> = { readonly [Tag in keyof Table]: EntryEncoding<Table[Tag]> }[keyof Table]

export interface IdOnWire {
  readonly id: number
}

// Each entry's message must carry the tag that it is listed under, or routing could not find its handler.
export type CheckedTable<Table> = {
  readonly [Tag in keyof Table]: EntryMessage<Table[Tag]> extends { readonly _tag: Tag } ? Table[Tag] : never
}
