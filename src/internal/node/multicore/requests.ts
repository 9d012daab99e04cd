/** What a supervisor does about what its workers say. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { FromWorker, WorkerRequest } from "./messages.ts"
import type { SupervisorLife } from "./supervisor.ts"
import type { WorkerProcess } from "./workerProcess.ts"

/** Something was said. */
export const onNotice = (life: SupervisorLife, worker: WorkerProcess, notice: FromWorker): void => {
  const { receptions, relay } = life
  switch (notice._tag) {
    case "Ready":
      life.settle(worker)
      break
    case "Leaving":
      life.leaving(worker)
      break
    case "Pong":
      // Whatever a worker says shows that it lives.
      break
    case "Close":
      life.run(receptions.close(worker, notice.listener))
      break
    case "Taken":
      worker.connections = notice.count
      receptions.taken(worker, notice.socket)
      receptions.gone(worker, notice.gone)
      break
    case "Returned":
      receptions.returned(worker, notice.socket, notice.closed)
      break
    case "Connections":
      worker.connections = notice.count
      receptions.gone(worker, notice.gone)
      break
    case "Publish":
      relay.publish(worker, notice)
      break
    case "Unsubscribe":
      for (const topic of notice.topics) relay.unsubscribe(worker, topic)
      break
  }
}

/** Something is asked; what comes back is checked by who asked. */
export const answerRequest = (
  life: SupervisorLife,
  worker: WorkerProcess,
  request: WorkerRequest
): Effect.Effect<unknown> => {
  switch (request._tag) {
    case "Listen":
      return life.receptions.listen(request.place, request.occurrence)
    case "Opened":
      return life.receptions.enter(worker, request.listener)
    case "Sweep":
      return life.receptions.sweep(worker, request.listener)
    case "Subscribe":
      return Effect.sync(() => life.relay.subscribe(worker, request.topic))
    case "Ask":
      return life.relay.ask(
        Array.from(life.workers).filter(
          (other) =>
            other !== worker &&
            other.state !== "starting" &&
            (request.to === undefined || request.to === other.worker)
        ),
        request.question
      )
    case "Workers":
      return Effect.sync(() =>
        life.infos.map(({ up, ...info }) => ({ ...info, upMillis: Duration.toMillis(up) }))
      )
    case "Reload":
      return Effect.sync(() => life.reloadSoon())
  }
}
