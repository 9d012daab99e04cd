/** Whatever the server of `examples/http` takes, Node's strict parser takes, and means the same by it. */
import { describe, expect, it } from "vitest"
import { accepted, refused, unfinished } from "./cases.ts"
import { makeNodeReader } from "./node.ts"
import { latin1, read } from "./support.ts"

const readByNode = makeNodeReader()

const requests = (messages: ReadonlyArray<string>) => messages.filter((message) => message !== "100")

describe("Node's parser", () => {
  it.each([...accepted, ...unfinished].filter(({ unlikeNode }) => unlikeNode !== true))(
    "agrees on $name",
    async ({ bytes, over }) => {
      const ours = read([latin1(bytes)])
      const theirs = await readByNode(latin1(bytes))
      if (over === true) expect(theirs.slice(0, ours.messages.length)).toEqual(requests(ours.messages))
      else expect(theirs).toEqual(requests(ours.messages))
    }
  )

  // What Node takes and we do not.
  it.each(refused)("takes or refuses $name, and what was before it means the same", async ({ bytes }) => {
    const ours = read([latin1(bytes)])
    const theirs = await readByNode(latin1(bytes))
    expect(theirs.slice(0, requests(ours.messages).length)).toEqual(requests(ours.messages))
  })
})
