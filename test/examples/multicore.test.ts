/** The chat on several processes, with `nc`. */
import { afterAll, assert, describe, it } from "vitest"
import { Cast, example, nc, needsNc, type Program } from "./support.ts"

const cast = new Cast()
afterAll(cast.leave)

const portOf = async (server: Program): Promise<number> => {
  await server.says("chat listens on port")
  return Number(/chat listens on port (\d+)/.exec(server.output)?.[1])
}

const processOf = async (person: Program): Promise<number> => {
  person.type("/pid\n")
  await person.says("process ")
  return Number(/process (\d+)/.exec(person.output)?.[1])
}

describe("examples/multicore", () => {
  it("is one chat in two processes, through crash, reload and end", { timeout: 120_000 }, async (context) => {
    needsNc(context)
    const server = cast.add(example("multicore/server.ts"))
    const port = await portOf(server)
    const ann = cast.add(nc(port))
    await ann.says("you are in lobby")
    const bob = cast.add(nc(port))
    await bob.says("you are in lobby, with 1 others")
    const [annsProcess, bobsProcess] = [await processOf(ann), await processOf(bob)]
    assert.notStrictEqual(annsProcess, bobsProcess)

    ann.type("hello from ann\n")
    await bob.says("hello from ann")
    assert.notInclude(ann.output, "hello from ann")
    bob.type("/all good evening\n")
    await bob.says("2 have it")
    await ann.says("to all: good evening")

    bob.type("/crash\n")
    await server.says(`process ${bobsProcess} is gone`)
    // What a person types tells `nc` that nobody is there any more.
    bob.endInput()
    await bob.ended
    const cid = cast.add(nc(port))
    await cid.says("you are in lobby, with 1 others")
    ann.type("still here\n")
    await cid.says("still here")

    // The processes that run it come from the same loader, and so do their successors.
    await server.says("listens on [::]:", 3)
    ann.type("/reload\n")
    await ann.says("this process ends")
    ann.endInput()
    await ann.ended
    await server.says("listens on [::]:", 5)
    const dora = cast.add(nc(port))
    await dora.says("you are in lobby")
    assert.notInclude([annsProcess, bobsProcess], await processOf(dora))

    server.signal("SIGTERM")
    await dora.says("this process ends")
    dora.endInput()
    await dora.ended
    assert.deepStrictEqual(await server.ended, { code: 0, signal: null })
  })
})
