/** A store that answers requests, and asks back. */
import { Effect, Schema } from "effect"
import * as Framing from "../../src/Framing.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Requests from "../../src/Requests.ts"

const id = Schema.Int

export const messages = {
  fromClient: {
    Get: { id: 1, schema: Schema.TaggedStruct("Get", { id, key: Schema.String }) },
    List: { id: 2, schema: Schema.TaggedStruct("List", { id, count: Schema.Int }) },
    Cancel: { id: 3, schema: Schema.TaggedStruct("Cancel", { id }) },
    Answer: { id: 4, schema: Schema.TaggedStruct("Answer", { id, yes: Schema.Boolean }) },
    Note: { id: 5, schema: Schema.TaggedStruct("Note", { text: Schema.String }) }
  },
  fromServer: {
    Got: { id: 1, schema: Schema.TaggedStruct("Got", { id, value: Schema.String }) },
    Failed: { id: 2, schema: Schema.TaggedStruct("Failed", { id, why: Schema.String }) },
    Item: { id: 3, schema: Schema.TaggedStruct("Item", { id, index: Schema.Int }) },
    Done: { id: 4, schema: Schema.TaggedStruct("Done", { id }) },
    Ask: { id: 5, schema: Schema.TaggedStruct("Ask", { id, question: Schema.String }) },
    News: { id: 6, schema: Schema.TaggedStruct("News", { text: Schema.String }) }
  }
} as const

const exchanges = {
  fromClient: {
    Get: { reply: "Got", error: "Failed", cancel: "Cancel" },
    List: { each: "Item", end: "Done", error: "Failed", cancel: "Cancel" }
  },
  fromServer: { Ask: { reply: "Answer" } }
} as const

/** Lines of JSON, so that a raw peer can take part. */
const tagged = Protocol.tagged("Store", {
  framing: Framing.lengthPrefixed(),
  ...messages
})

export const Store = Requests.protocol(tagged, { id: "id", ...exchanges })

/** The same with 3 ids. */
export const Tiny = Requests.protocol(tagged, { id: { field: "id", max: 3 }, ...exchanges })

export type FromClient = Protocol.MessagesOf<typeof messages.fromClient>
export type FromServer = Protocol.MessagesOf<typeof messages.fromServer>

export const quiet = { hello: "off", readIdle: "off", frame: "off" } as const

export const settle = Effect.forEach([1, 2, 3, 4, 5], () => Effect.yieldNow, { discard: true })
