/** A server of JSON-RPC and a peer that knows the specification: its examples (section 7), and what else it says. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as Server from "../../src/Server.ts"
import * as TransportMemory from "../../src/TransportMemory.ts"
import { Calculator, makeServer, rawPeer } from "./support.ts"

const setup = Effect.gen(function* () {
  const state = yield* makeServer
  const server = yield* Server.make(Calculator, state.handler)
  return { ...state, server, peer: yield* rawPeer }
})

const test = <A, E>(name: string, effect: Effect.Effect<A, E, never>) => it.live(name, () => effect)

const inMemory = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.merge(TransportMemory.layer(), Logger.layer([]))))

/** What a server answers to one message; undefined for nothing. */
const answers = (message: string, expected: unknown) =>
  Effect.gen(function* () {
    const { peer } = yield* setup
    yield* peer.say(message)
    yield* peer.say('{"jsonrpc": "2.0", "method": "subtract", "params": [1, 1], "id": "last"}')
    const count = expected === undefined ? 1 : 2
    yield* peer.hears(count)
    const last = { jsonrpc: "2.0", result: 0, id: "last" }
    assert.sameDeepMembers([...peer.heard], expected === undefined ? [last] : [expected, last])
  }).pipe(inMemory)

const failure = (code: number, id: unknown, message?: string) => ({
  jsonrpc: "2.0",
  error: { code, message },
  id
})

describe("the examples of the specification", () => {
  test(
    "positional parameters",
    answers('{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', {
      jsonrpc: "2.0",
      result: 19,
      id: 1
    })
  )
  test(
    "named parameters",
    answers('{"jsonrpc": "2.0", "method": "divide", "params": {"by": 2, "n": 42}, "id": 3}', {
      jsonrpc: "2.0",
      result: 21,
      id: 3
    })
  )
  test("a notification", answers('{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', undefined))
  test("a notification that nobody knows", answers('{"jsonrpc": "2.0", "method": "foobar"}', undefined))
  test(
    "a method that there is not",
    answers('{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', failure(-32_601, "1", "no method foobar"))
  )
  test(
    "invalid JSON",
    answers(
      '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
      failure(-32_700, null, "this is not JSON")
    )
  )
  test(
    "an invalid request",
    answers(
      '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
      failure(-32_600, null, "the method is not a text")
    )
  )
  test(
    "a batch of invalid JSON",
    answers('[{"jsonrpc": "2.0", "method"]', failure(-32_700, null, "this is not JSON"))
  )
  test("an empty batch", answers("[]", failure(-32_600, null, "an empty batch")))
  test(
    "a batch that is not empty and invalid",
    answers("[1]", [failure(-32_600, null, "a message is an object")])
  )
  test(
    "a batch that is invalid",
    answers(
      "[1,2,3]",
      [1, 2, 3].map(() => failure(-32_600, null, "a message is an object"))
    )
  )
  test(
    "a batch",
    answers(
      `[
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"jsonrpc": "2.0", "method": "update", "params": [7]},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "divide", "params": {"by": 0, "n": 1}, "id": 9}
      ]`,
      [
        { jsonrpc: "2.0", result: 19, id: "2" },
        failure(-32_600, null, '`jsonrpc` is not "2.0"'),
        failure(-32_601, "5", "no method foo.get"),
        { jsonrpc: "2.0", error: { code: 1, message: "by zero", data: { n: 1 } }, id: 9 }
      ]
    )
  )
  test(
    "a batch of notifications",
    answers(
      '[{"jsonrpc": "2.0", "method": "update", "params": [1]}, {"jsonrpc": "2.0", "method": "other"}]',
      undefined
    )
  )
})

describe("what else may come", () => {
  test(
    "parameters that are not those of the method",
    answers('{"jsonrpc":"2.0","method":"subtract","params":[1,"2"],"id":1}', {
      jsonrpc: "2.0",
      id: 1,
      error: {
        code: -32_602,
        message: "invalid parameters",
        data: [{ path: "1", message: "Expected number" }]
      }
    })
  )
  test(
    "parameters that are no structure",
    answers(
      '{"jsonrpc":"2.0","method":"subtract","params":1,"id":1}',
      failure(-32_600, 1, "the parameters are neither an object nor an array")
    )
  )
  test(
    "parameters that are null",
    answers('{"jsonrpc":"2.0","method":"shutdown","params":null,"id":1}', {
      jsonrpc: "2.0",
      id: 1,
      result: null
    })
  )
  test(
    "a result of the schema's JSON form",
    answers('{"jsonrpc":"2.0","method":"later","id":1}', {
      jsonrpc: "2.0",
      id: 1,
      result: "1970-01-01T00:00:00.000Z"
    })
  )
  for (const name of ["__proto__", "constructor", "toString"]) {
    test(
      `the method ${name}`,
      answers(`{"jsonrpc":"2.0","method":"${name}","id":1}`, failure(-32_601, 1, `no method ${name}`))
    )
  }
  for (const id of ["null", "{}", "[1]", "true"]) {
    test(
      `the id ${id}`,
      answers(
        `{"jsonrpc":"2.0","method":"later","id":${id}}`,
        failure(-32_600, null, "the id is no number and no text")
      )
    )
  }
  for (const id of [0, -1, 1.5, 1e300, "", "née"]) {
    test(
      `the id ${JSON.stringify(id)}`,
      answers(`{"jsonrpc":"2.0","method":"subtract","params":[3,1],"id":${JSON.stringify(id)}}`, {
        jsonrpc: "2.0",
        id,
        result: 2
      })
    )
  }
  for (const response of [
    '{"jsonrpc":"2.0","id":1,"result":1}',
    '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"2.0","id":1,"error":"x"}',
    '{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"1.0","id":1,"result":1}',
    '[{"jsonrpc":"2.0","id":1,"result":1}]'
  ]) {
    test(`a response that nobody asked for: ${response}`, answers(response, undefined))
  }
  test(
    "a cancel of nothing",
    answers('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}', undefined)
  )
  test(
    "malformed UTF-8",
    answers(
      Buffer.from("\xff\xfe", "latin1").toString("latin1").repeat(1),
      failure(-32_700, null, "this is not JSON")
    )
  )

  test(
    "a cancel, after which the answer is that it was cancelled",
    Effect.gen(function* () {
      const { peer } = yield* setup
      yield* peer.say('{"jsonrpc":"2.0","method":"wait","id":7}')
      yield* peer.say('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}')
      const heard = yield* peer.hears(1)
      assert.deepStrictEqual(heard, [failure(-32_800, 7, "cancelled")])
    }).pipe(inMemory)
  )

  test(
    "a cancel before the request had its turn, which is answered like that, too",
    Effect.gen(function* () {
      const { peer } = yield* setup
      yield* peer.say(
        '{"jsonrpc":"2.0","method":"wait","id":7}',
        '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}'
      )
      assert.deepStrictEqual(yield* peer.hears(1), [failure(-32_800, 7, "cancelled")])
    }).pipe(inMemory)
  )

  test(
    "a notification with invalid parameters is left out, and one whose handler fails ends the connection",
    Effect.gen(function* () {
      const { peer, updates } = yield* setup
      yield* peer.say('{"jsonrpc":"2.0","method":"update","params":["1"]}')
      yield* peer.say('{"jsonrpc":"2.0","method":"update","params":[1]}')
      yield* peer.say('{"jsonrpc":"2.0","method":"stop"}')
      yield* peer.closes
      assert.deepStrictEqual(updates, [[1]])
    }).pipe(inMemory)
  )

  test(
    "a frame that is none: what came before is answered, and the connection closed",
    Effect.gen(function* () {
      const { peer, server } = yield* setup
      yield* peer.say('{"jsonrpc":"2.0","method":"subtract","params":[3,1],"id":1}')
      yield* peer.hears(1)
      yield* peer.end
      yield* peer.closes
      assert.strictEqual(yield* server.connectionCount, 0)
    }).pipe(inMemory)
  )
})
