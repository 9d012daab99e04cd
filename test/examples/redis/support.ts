/** The example's server on the network in memory, with its file where one is asked for. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer, Logger } from "effect"
import type { Policy } from "../../../examples/redis/appendOnlyFile.ts"
import { make } from "../../../examples/redis/redis.ts"
import * as Resp from "../../../src/Resp.ts"
import * as TransportMemory from "../../../src/TransportMemory.ts"
import { eventually } from "../../support/pair.ts"
import { rawClient } from "../../support/raw.ts"

export const provide = Effect.provide(
  Layer.mergeAll(TransportMemory.layer(), NodeFileSystem.layer, Logger.layer([]))
)

export const start = (path?: string, policy: Policy = "always") =>
  make(path === undefined ? {} : { file: { path, policy } })

/** A client that sends lines and waits until so many answers are there; gives all that came since the last time. */
export const connect = Effect.gen(function* () {
  const peer = yield* rawClient
  let heard = 0
  const count = (text: string) => {
    const found: Array<Resp.Value> = []
    Resp.values().wire.makeDecoder().push(Buffer.from(text), found)
    return found.length
  }
  const answers = Effect.fnUntraced(function* (wanted: number) {
    yield* eventually(() => count(peer.text().slice(heard)) >= wanted, `${wanted} answers`)
    const text = peer.text().slice(heard)
    heard = peer.text().length
    return text
  })
  const ask = (...lines: ReadonlyArray<string>) => {
    peer.write(lines.map((line) => `${line}\r\n`).join(""))
    return answers(lines.length)
  }
  return { answers, ask, peer }
})
