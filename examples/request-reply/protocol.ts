/** A store of texts: get one, list them all. Shared by server and client. */
import { Schema } from "effect"
import { Framing, Protocol, Requests } from "effect-sluice"

const id = Schema.Int

export const Store = Requests.protocol(
  Protocol.tagged("Store", {
    framing: Framing.lengthPrefixed(),
    fromClient: {
      Get: { id: 1, schema: Schema.TaggedStruct("Get", { id, key: Schema.String }) },
      List: { id: 2, schema: Schema.TaggedStruct("List", { id }) },
      Cancel: { id: 3, schema: Schema.TaggedStruct("Cancel", { id }) }
    },
    fromServer: {
      Got: { id: 1, schema: Schema.TaggedStruct("Got", { id, value: Schema.String }) },
      Missing: { id: 2, schema: Schema.TaggedStruct("Missing", { id, key: Schema.String }) },
      Item: { id: 3, schema: Schema.TaggedStruct("Item", { id, key: Schema.String }) },
      Done: { id: 4, schema: Schema.TaggedStruct("Done", { id }) }
    }
  }),
  {
    id: "id",
    fromClient: {
      Get: { reply: "Got", error: "Missing", cancel: "Cancel" },
      List: { each: "Item", end: "Done", cancel: "Cancel" }
    }
  }
)
