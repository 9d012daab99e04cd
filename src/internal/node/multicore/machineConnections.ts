/** The connections of all processes, for those who know their protocol. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type CodecError, NoAnswer, type PayloadError } from "../../../SluiceError.ts"
import type { Address } from "../../../Transport.ts"
import type { ConnectionShared } from "../../connectionShared.ts"
import { encodeFrame } from "../../encodeFrame.ts"
import type { Answering, Printed } from "./answering.ts"
import type { Bus } from "./bus.ts"
import type { Gathered, MachineBroadcast, MachineConnection, MachineConnections } from "./machine.ts"
import { type AnswerTo, answers, type Question } from "./messages.ts"
import type { MachineId } from "./model.ts"

/** The answers of all processes, this one among them, by the number of each. Who answers nonsense is missing. */
export const gather = <Tag extends Question["_tag"]>(
  bus: Bus,
  answering: Answering,
  question: Extract<Question, { readonly _tag: Tag }>
): Effect.Effect<Gathered<ReadonlyArray<readonly [worker: number, answer: AnswerTo<Tag>]>>, NoAnswer> => {
  const decode = decoderOf(question._tag)
  const all = Effect.all([answering.answer(question), bus.ask(question)], { concurrency: 2 })
  return Effect.map(all, ([own, others]) => {
    const missing = [...others.missing]
    // The same question has the same kind of answer, from ourselves too.
    const value: Array<readonly [number, AnswerTo<Tag>]> = [[bus.worker, own as AnswerTo<Tag>]]
    for (const { value: answer, worker } of others.answers) {
      const decoded = decode(answer)
      if (Option.isSome(decoded)) value.push([worker, decoded.value])
      else missing.push(worker)
    }
    return { value, missing }
  })
}

/** The answer of one process. */
const askOne = <Tag extends Question["_tag"]>(
  bus: Bus,
  answering: Answering,
  worker: number,
  question: Extract<Question, { readonly _tag: Tag }>,
  /** Where there is no such process. */
  otherwise: AnswerTo<Tag>
): Effect.Effect<AnswerTo<Tag>, NoAnswer> => {
  // The same question has the same kind of answer.
  if (worker === bus.worker) return Effect.map(answering.answer(question), (own) => own as AnswerTo<Tag>)
  return Effect.flatMap(bus.ask(question, worker), ({ answers: [answer], missing }) => {
    if (answer === undefined) {
      return missing.length === 0
        ? Effect.succeed(otherwise)
        : Effect.fail(new NoAnswer({ worker, reason: "timeout" }))
    }
    return Option.match(decoderOf(question._tag)(answer.value), {
      onNone: () => Effect.fail(new NoAnswer({ worker, reason: "invalid" })),
      onSome: (decoded) => Effect.succeed(decoded)
    })
  })
}

const decoderOf = <Tag extends Question["_tag"]>(
  tag: Tag
): ((answer: unknown) => Option.Option<AnswerTo<Tag>>) => {
  const schema: Schema.ConstraintDecoder<unknown> = answers[tag]
  // The schema of a tag's answer gives that answer.
  return Schema.decodeUnknownOption(schema) as (answer: unknown) => Option.Option<AnswerTo<Tag>>
}

/** A message in each of the forms in which connections of a protocol may want it. */
const print = <Out>(
  shared: ConnectionShared<never, Out>,
  message: Out
): Effect.Effect<ReadonlyArray<Printed>, CodecError | PayloadError> => {
  const own = Effect.map(encodeFrame(shared, message), (frame): Printed => ({ codec: undefined, frame }))
  const others = Array.from(shared.greeting?.codecs ?? [], ([codec, { encode }]) =>
    Effect.map(
      encodeFrame({ encode, framing: shared.framing }, message),
      (frame): Printed => ({ codec, frame })
    )
  )
  return Effect.all([own, ...others])
}

/** How many of each process are listed, unless that is said. */
export const defaultLimit = 10_000

export const machineConnections = <Out>(
  bus: Bus,
  answering: Answering,
  protocol: { readonly name: string }
): MachineConnections<Out> => {
  const { name } = protocol

  const printed = (message: Out) =>
    Effect.suspend(() => {
      const [server] = answering.speaking(name)
      if (server === undefined || !Object.is(server.protocol, protocol)) {
        return Effect.die(new Error(`no server of this process speaks ${name}`))
      }
      // What a server of the very protocol sends.
      return print(server.connections.shared as unknown as ConnectionShared<never, Out>, message)
    })

  return {
    size: Effect.map(gather(bus, answering, { _tag: "Size", protocol: name }), ({ missing, value }) => ({
      value: value.reduce((sum, [, size]) => sum + size, 0),
      missing
    })),
    list: ({ limit = defaultLimit } = {}) =>
      Effect.map(
        gather(bus, answering, { _tag: "List", protocol: name, limit }),
        ({ missing, value }): Gathered<ReadonlyArray<MachineConnection>> => ({
          value: value.flatMap(([worker, list]) =>
            list.map(({ ageMillis, ...info }) => ({ ...info, worker, age: Duration.millis(ageMillis) }))
          ),
          missing
        })
      ),
    broadcast: (message) =>
      Effect.flatMap(printed(message), (frames) =>
        Effect.map(
          gather(bus, answering, { _tag: "Broadcast", protocol: name, frames }),
          ({ missing, value }): Gathered<MachineBroadcast> => ({
            value: {
              delivered: value.reduce((sum, [, { delivered }]) => sum + delivered, 0),
              failed: value.flatMap(([worker, { failed }]) => failed.map((one) => ({ ...one, worker })))
            },
            missing
          })
        )
      ),
    unicast: ({ id, worker }, message) =>
      Effect.flatMap(printed(message), (frames) =>
        askOne(bus, answering, worker, { _tag: "Unicast", protocol: name, id, frames }, "closed")
      ),
    closeById: ({ id, worker }) =>
      askOne(bus, answering, worker, { _tag: "CloseById", protocol: name, id }, false),
    closeByAddress: (peer: Address | string) =>
      Effect.map(
        gather(bus, answering, { _tag: "CloseByAddress", protocol: name, peer }),
        ({ missing, value }): Gathered<ReadonlyArray<MachineId>> => ({
          value: value.flatMap(([worker, ids]) => ids.map((id) => ({ worker, id }))),
          missing
        })
      )
  }
}
