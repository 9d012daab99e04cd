/** This library with a tagged protocol: two kinds of messages, each with its route. */
import { Codec, Framing, Handler, Protocol } from "effect-sluice"
import { serveSluice } from "../lib/sluiceServer.ts"

interface Message<Tag extends string> {
  readonly _tag: Tag
  readonly body: Uint8Array
}

const bodyOf = <const Tag extends string>(_tag: Tag): Codec.Codec<Message<Tag>> =>
  Codec.transform(Codec.bytes, { decode: (body) => ({ _tag, body }), encode: ({ body }) => body })

const Tagged = Protocol.tagged("BenchTagged", {
  framing: Framing.lengthPrefixed(),
  messages: { Data: { id: 1, codec: bodyOf("Data") }, Note: { id: 2, codec: bodyOf("Note") } }
})

serveSluice(
  Tagged,
  Handler.route(Tagged, {
    Data: ({ body }, connection) => connection.send({ _tag: "Data", body }),
    Note: ({ body }, connection) => connection.send({ _tag: "Note", body })
  })
)
