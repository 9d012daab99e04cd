/** `examples/redis`, driven by `redis-cli`, `redis-benchmark`, node-redis and ioredis. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { Cast, example, freePort, host, Program } from "../examples/support.ts"
import { describeWith, hasCommand, loadPackage } from "./support/needs.ts"
import { RawClient, redisTools, run } from "./support/redis.ts"

const cast = new Cast()
let port = 0

beforeAll(async () => {
  port = await cast.add(example("redis/server.ts")).port("redis")
})
afterAll(cast.leave)

const cli = (args: ReadonlyArray<string>, input = "") => run("redis-cli", ["-p", `${port}`, ...args], input)
const said = (...args: ReadonlyArray<string>) => cli(args).stdout

describeWith("redis-cli", { commands: redisTools }, () => {
  it("asks in RESP2 and in RESP3", () => {
    said("FLUSHALL")
    expect(said("SET", "greeting", "hello world", "EX", "100")).toBe("OK\n")
    expect(said("GET", "greeting")).toBe("hello world\n")
    expect(said("HSET", "h", "a", "1", "b", "2")).toBe("2\n")
    expect(said("HGETALL", "h")).toBe("a\n1\nb\n2\n")
    expect(said("-3", "--json", "HGETALL", "h")).toBe('{"a":"1","b":"2"}\n')
    expect(said("-3", "--json", "GET", "nosuch")).toBe("null\n")
    expect(said("--no-raw", "GET", "nosuch")).toBe("(nil)\n")
    expect(said("--no-raw", "-3", "SMEMBERS", "nosuch")).toBe("(empty set)\n")
    expect(said("INCR", "greeting")).toBe("ERR value is not an integer or out of range\n\n")
  })

  it("reads commands from its input, transactions too", () => {
    const { stdout } = cli(
      [],
      'FLUSHALL\nRPUSH l a b c\nMULTI\nLPOP l\nSET x "a b"\nEXEC\nGET x\nLRANGE l 0 -1\n'
    )
    expect(stdout).toBe("OK\n3\nOK\nQUEUED\nQUEUED\na\nOK\na b\nb\nc\n")
  })

  it("takes the table of commands and what the server says of itself", () => {
    expect(Number(said("COMMAND", "COUNT"))).toBeGreaterThan(35)
    expect(said("INFO")).toContain("redis_mode:standalone")
    expect(said("INFO", "keyspace")).toMatch(/^# Keyspace\r\n/)
    expect(said("CLIENT", "LIST")).toMatch(/^id=\d+ addr=127.0.0.1:\d+ .*resp=2/)
    expect(said("-3", "COMMAND", "INFO", "get", "nosuch")).toContain("readonly")
  })

  it("loads a hundred thousand commands in one go (--pipe)", () => {
    said("FLUSHALL")
    const input = Array.from({ length: 100_000 }, (_, i) => `SET key:${i} ${i}\r\n`).join("")
    expect(cli(["--pipe"], input).stdout).toContain("errors: 0, replies: 100000")
    expect(said("DBSIZE")).toBe("100000\n")
    expect(said("GET", "key:99999")).toBe("99999\n")
  })

  it.each([[], ["-3"]])(
    "subscribes (%j) and hears what others publish, until the server stops",
    async (...version) => {
      const subscriber = cast.add(
        new Program("redis-cli", ["-p", `${port}`, ...version, "SUBSCRIBE", "news", "sport"])
      )
      await subscriber.says("subscribe", 2)
      expect(said("PUBLISH", "news", "first")).toBe("1\n")
      expect(said("PUBLISH", "sport", "second")).toBe("1\n")
      expect(said("PUBLISH", "weather", "third")).toBe("0\n")
      await subscriber.says("message\nsport\nsecond")
      expect(subscriber.output).toContain("message\nnews\nfirst\n")
      subscriber.signal("SIGINT")
      await subscriber.ended
    }
  )

  it("sees keys go when their time is over", async () => {
    said("FLUSHALL")
    cli([], "SET a 1 PX 30\nSET b 1 PX 30\nSET c 1\n")
    const client = new RawClient(port)
    // Nobody asks for them by name.
    while ((await client.ask("DBSIZE"))?.value !== 1) await new Promise((resolve) => setImmediate(resolve))
    expect((await client.ask("KEYS", "*"))?.value).toEqual(["c"])
    client.end()
  })
})

describeWith("redis-benchmark", { commands: redisTools }, () => {
  it("runs its tests with 16 commands in flight on each of 50 connections", () => {
    const tests = [
      "ping",
      "set",
      "get",
      "incr",
      "lpush",
      "rpush",
      "lpop",
      "rpop",
      "sadd",
      "hset",
      "mset",
      "lrange_100"
    ]
    const { status, stdout } = run("redis-benchmark", [
      ...["-p", `${port}`, "-P", "16", "-n", "20000", "-r", "10000", "-t", tests.join(","), "--csv"]
    ])
    expect(status).toBe(0)
    const rows = stdout.split("\n").filter((line) => /^".*","\d/.test(line))
    expect(rows.length).toBe(tests.length + 2)
    for (const row of rows) expect(Number(row.split('"')[3]), row).toBeGreaterThan(0)
  })

  it("in RESP3, and with values of 10 kB", () => {
    for (const extra of [["-3"], ["-d", "10000"]]) {
      const args = ["-p", `${port}`, "-P", "16", "-n", "5000", "-t", "set,get", "--csv", ...extra]
      expect(run("redis-benchmark", args).stdout).toMatch(/"SET",.*\n"GET",/)
    }
  })
})

/** As much of node-redis as is used here; the package's types are not there for the library's own check. */
interface NodeRedis {
  readonly connect: () => Promise<NodeRedis>
  readonly close: () => Promise<void>
  readonly duplicate: () => NodeRedis
  readonly on: (event: "error", listener: (error: Error) => void) => NodeRedis
  readonly set: (key: string, value: string, options?: object) => Promise<unknown>
  readonly get: (key: string) => Promise<unknown>
  readonly mGet: (keys: ReadonlyArray<string>) => Promise<unknown>
  readonly ttl: (key: string) => Promise<number>
  readonly incr: (key: string) => Promise<number>
  readonly hSet: (key: string, fields: object) => Promise<unknown>
  readonly hGetAll: (key: string) => Promise<unknown>
  readonly sAdd: (key: string, members: ReadonlyArray<string>) => Promise<unknown>
  readonly sMembers: (key: string) => Promise<unknown>
  readonly rPush: (key: string, values: ReadonlyArray<string>) => Promise<unknown>
  readonly lRange: (key: string, from: number, to: number) => Promise<unknown>
  readonly lPop: (key: string) => Promise<unknown>
  readonly del: (key: string) => Promise<number>
  readonly flushAll: () => Promise<unknown>
  readonly publish: (channel: string, text: string) => Promise<number>
  readonly subscribe: (channel: string, listener: (text: string) => void) => Promise<void>
  readonly unsubscribe: (channel: string) => Promise<void>
  readonly multi: () => NodeRedisMulti
}

interface NodeRedisMulti {
  readonly set: (key: string, value: string) => NodeRedisMulti
  readonly incr: (key: string) => NodeRedisMulti
  readonly exec: () => Promise<unknown>
}

describeWith("node-redis", { packages: ["redis"] }, () => {
  describe.each([2, 3])("in RESP%i", (version) => {
    let client: NodeRedis

    beforeAll(async () => {
      const { createClient } = loadPackage("redis") as { createClient: (options: object) => NodeRedis }
      client = createClient({ socket: { host, port }, RESP: version }).on("error", () => {})
      await client.connect()
    })
    beforeEach(() => client.flushAll())
    afterAll(() => client.close())

    it("has strings, with their times and conditions", async () => {
      expect(await client.set("a", "é\r\n", { EX: 100 })).toBe("OK")
      expect(await client.set("a", "x", { NX: true })).toBe(null)
      expect(await client.get("a")).toBe("é\r\n")
      expect(await client.ttl("a")).toBeGreaterThan(90)
      expect(await client.mGet(["a", "nosuch"])).toEqual(["é\r\n", null])
      expect(await client.incr("n")).toBe(1)
      await expect(client.incr("a")).rejects.toThrow("not an integer")
      expect(await client.del("a")).toBe(1)
    })

    it("has hashes, sets and lists", async () => {
      await client.hSet("h", { f: "1", g: "2" })
      expect({ ...((await client.hGetAll("h")) as object) }).toEqual({ f: "1", g: "2" })
      await client.sAdd("s", ["a", "b"])
      expect(await client.sMembers("s")).toEqual(["a", "b"])
      await client.rPush("l", ["x", "y"])
      expect(await client.lRange("l", 0, -1)).toEqual(["x", "y"])
      expect(await client.lPop("nosuch")).toBe(null)
      await expect(client.get("h")).rejects.toThrow("WRONGTYPE")
    })

    it("pipelines: thousands of commands at once, each with its own answer", async () => {
      const answers = await Promise.all(Array.from({ length: 5000 }, () => client.incr("n")))
      expect(answers).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1))
    })

    it("has transactions", async () => {
      expect(await client.multi().set("a", "5").incr("a").exec()).toEqual(["OK", 6])
      await expect(client.multi().set("a", "x").incr("a").exec()).rejects.toThrow()
      expect(await client.get("a")).toBe("x")
    })

    it("publishes and subscribes", async () => {
      const subscriber = client.duplicate().on("error", () => {})
      await subscriber.connect()
      const heard: Array<string> = []
      let all: () => void = () => {}
      const done = new Promise<void>((resolve) => {
        all = resolve
      })
      await subscriber.subscribe("channel", (text) => {
        if (heard.push(text) === 100) all()
      })
      for (let i = 0; i < 100; i++) expect(await client.publish("channel", `message ${i}`)).toBe(1)
      await done
      expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => `message ${i}`))
      await subscriber.unsubscribe("channel")
      expect(await client.publish("channel", "nobody")).toBe(0)
      await subscriber.close()
    })
  })
})

/** As much of ioredis as is used here. */
interface IoRedis {
  readonly call: (name: string, ...args: ReadonlyArray<string | Buffer>) => Promise<unknown>
  readonly getBuffer: (key: string) => Promise<Buffer>
  readonly hgetall: (key: string) => Promise<unknown>
  readonly publish: (channel: string, text: string) => Promise<number>
  readonly subscribe: (channel: string) => Promise<number>
  readonly on: (event: string, listener: (channel: string, text: string) => void) => IoRedis
  readonly pipeline: (commands: ReadonlyArray<ReadonlyArray<string>>) => { exec: () => Promise<unknown> }
  readonly multi: (commands: ReadonlyArray<ReadonlyArray<string>>) => { exec: () => Promise<unknown> }
  readonly quit: () => Promise<string>
}

describeWith("ioredis", { packages: ["ioredis"] }, () => {
  const connect = (): IoRedis => {
    const { Redis } = loadPackage("ioredis") as { Redis: new (options: object) => IoRedis }
    return new Redis({ host, port })
  }

  it("asks whether it is ready, and has values of any bytes", async () => {
    const client = connect()
    await client.call("FLUSHALL")
    const bytes = Buffer.from(Uint8Array.from({ length: 512 }, (_, i) => i & 255))
    expect(await client.call("SET", "bytes", bytes)).toBe("OK")
    expect((await client.getBuffer("bytes")).equals(bytes)).toBe(true)
    await client.call("HSET", "h", "a", "1", "b", "2")
    expect(await client.hgetall("h")).toEqual({ a: "1", b: "2" })
    await expect(client.call("LPUSH", "h", "x")).rejects.toThrow("WRONGTYPE")
    await expect(client.call("NOSUCH", "x")).rejects.toThrow("unknown command 'NOSUCH'")
    expect(await client.quit()).toBe("OK")
  })

  it("has pipelines and transactions", async () => {
    const client = connect()
    const commands = [
      ["set", "a", "1"],
      ["incr", "a"],
      ["get", "a"],
      ["lpush", "a", "x"]
    ]
    const wrong = expect.objectContaining({ message: expect.stringContaining("WRONGTYPE") })
    const expected = [[null, "OK"], [null, 2], [null, "2"], [wrong]]
    expect(await client.pipeline(commands).exec()).toEqual(expected)
    const results = (await client.multi(commands).exec()) as ReadonlyArray<ReadonlyArray<unknown>>
    expect(results.map(([error, value]) => (error === null ? value : "error"))).toEqual([
      "OK",
      2,
      "2",
      "error"
    ])
    await expect(client.multi([["get"]]).exec()).rejects.toThrow("EXECABORT")
    await client.quit()
  })

  it("subscribes", async () => {
    const [subscriber, client] = [connect(), connect()]
    const heard = new Promise((resolve) => {
      subscriber.on("message", (channel, text) => resolve([channel, text]))
    })
    expect(await subscriber.subscribe("c")).toBe(1)
    expect(await client.publish("c", "hello")).toBe(1)
    expect(await heard).toEqual(["c", "hello"])
    await Promise.all([subscriber.quit(), client.quit()])
  })
})

describe("the append-only file", () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-sluice-redis-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const serve = async (file: string, policy: string, port?: number) => {
    const program = cast.add(
      example("redis/server.ts", [], {
        APPENDONLY: join(folder, file),
        APPENDFSYNC: policy,
        PORT: `${port ?? 0}`
      })
    )
    return { program, client: new RawClient(await program.port("redis")) }
  }
  const ask = async (client: RawClient, line: string) => (await client.ask(...line.split(" ")))?.value

  it.each(["always", "everysec", "no"])("has all that was answered, after a kill -9 (%s)", async (policy) => {
    const { client, program } = await serve(`${policy}.aof`, policy)
    for (let i = 0; i < 100; i++) expect(await ask(client, `RPUSH list ${i}`)).toBe(i + 1)
    await ask(client, "SET soon 1 PX 1")
    await ask(client, "SET later 1 EX 1000")
    await ask(client, "MULTI")
    await ask(client, "INCR n")
    await ask(client, "INCR n")
    expect(await ask(client, "EXEC")).toEqual([1, 2])
    await program.kill()
    const again = await serve(`${policy}.aof`, policy)
    expect(await ask(again.client, "LRANGE list 0 -1")).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
    expect(await ask(again.client, "GET n")).toBe("2")
    expect(await ask(again.client, "GET soon")).toBe(null)
    expect(await ask(again.client, "TTL later")).toBeGreaterThan(900)
    again.program.signal("SIGTERM")
    expect(await again.program.ended).toEqual({ code: 0, signal: null })
  })

  it("is no file of commands, and the server does not start", async () => {
    writeFileSync(join(folder, "bad.aof"), "*2\r\n$3\r\nGET\r\n:1\r\n")
    const program = cast.add(example("redis/server.ts", [], { APPENDONLY: join(folder, "bad.aof") }))
    expect((await program.ended).code).toBe(1)
    expect(program.output).toContain("is no file of commands from byte 0 on")
  })

  it("says the same to the real one", { skip: !hasCommand("redis-server") }, async () => {
    const { client, program } = await serve("theirs.aof", "everysec")
    await ask(client, "SET a 1 EX 1000")
    await ask(client, "HSET h f v g w")
    await ask(client, "LPUSH l x y")
    program.signal("SIGTERM")
    await program.ended
    const port = await freePort()
    const real = cast.add(
      new Program("redis-server", [
        ...["--port", `${port}`, "--bind", host, "--save", "", "--dir", folder, "--appendonly", "yes"],
        ...["--appendfilename", "theirs.aof"]
      ])
    )
    await real.says("Ready to accept connections")
    const theirs = new RawClient(port)
    expect(await ask(theirs, "LRANGE l 0 -1")).toEqual(["y", "x"])
    expect(await ask(theirs, "HGET h g")).toBe("w")
    expect(await ask(theirs, "TTL a")).toBeGreaterThan(900)
    theirs.end()
  })
})
