/** Programs that tests start: this file, run with the name of one of them. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Fiber, Layer, Logger, Stream } from "effect"
import * as Codec from "../../src/Codec.ts"
import * as Framing from "../../src/Framing.ts"
import * as Handler from "../../src/Handler.ts"
import * as Protocol from "../../src/Protocol.ts"
import * as Server from "../../src/Server.ts"
import * as Shutdown from "../../src/Shutdown.ts"
import { formatAddress } from "../../src/Transport.ts"
import * as TransportStdio from "../../src/TransportStdio.ts"

export const Lines = Protocol.make("Lines", {
  framing: Framing.lines({ maxLength: 2 ** 20 }),
  fromClient: Codec.utf8,
  fromServer: Codec.utf8
})

const shout = Handler.map((line: string) => line.toUpperCase())

const programs: Readonly<Record<string, () => void>> = {
  /** Serves until its input ends, and tells why on standard error. */
  shout: () =>
    TransportStdio.serve(Lines, (connection) =>
      Effect.andThen(
        Effect.log(`${formatAddress(connection.localAddress)} ${formatAddress(connection.remoteAddress)}`),
        shout(connection)
      )
    ).pipe(
      Effect.flatMap(({ _tag }) => Console.error(`ended: ${_tag}`)),
      NodeRuntime.runMain
    ),
  /** Answers one line and is done. */
  once: () =>
    NodeRuntime.runMain(
      TransportStdio.serve(Lines, (connection) =>
        Stream.runForEach(Stream.take(connection.messages, 1), connection.send)
      )
    ),
  /** A layer, which goes on until a signal. */
  layer: () =>
    Server.layer(Lines, shout).pipe(
      Layer.provide(TransportStdio.layer),
      Layer.provide(Layer.succeed(Logger.LogToStderr, true)),
      Layer.launch,
      NodeRuntime.runMain({ teardown: Shutdown.teardown })
    ),
  /** Two servers want the same. */
  twice: () =>
    NodeRuntime.runMain(
      Effect.gen(function* () {
        yield* Effect.forkScoped(TransportStdio.serve(Lines, shout))
        yield* Effect.yieldNow
        const error = yield* Effect.flip(TransportStdio.serve(Lines, shout))
        yield* Console.error(error.message)
      }).pipe(Effect.scoped)
    ),
  /** Sends far more than anybody reads, and says how it is kept waiting. */
  flood: () =>
    NodeRuntime.runMain(
      TransportStdio.serve(Lines, (connection) =>
        Effect.gen(function* () {
          const flooding = yield* connection.fork(
            Effect.andThen(
              Effect.forEach(Array.from({ length: 200 }), () => connection.send("x".repeat(65_536)), {
                discard: true
              }),
              connection.send("done")
            )
          )
          yield* Stream.runForEach(connection.messages, (line) =>
            Console.error(
              `still hears ${line}, and has ${connection.stats.outboundBytes > 0 ? "" : "no "}output`
            )
          )
          yield* Fiber.join(flooding)
        })
      )
    ),
  /** Does not mind the end of its input, nor SIGTERM where it is told so. */
  stubborn: () => {
    if (process.argv[3] === "deaf") process.on("SIGTERM", () => {})
    process.stdin.resume()
    setInterval(() => {}, 1000)
    process.stdout.write("ready\n")
  }
}

const name = process.argv[2]
if (name !== undefined && process.argv[1]?.endsWith("programs.mjs") === true) programs[name]?.()
