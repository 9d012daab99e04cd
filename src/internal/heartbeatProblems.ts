/** What is wrong with the heartbeat messages of a protocol. */
import type { HeartbeatMessages } from "../Heartbeat.ts"
import type { OptionProblem } from "../SluiceError.ts"

export const heartbeatProblems = <FromClient, FromServer>({
  fromClient,
  fromServer
}: HeartbeatMessages<FromClient, FromServer>): ReadonlyArray<OptionProblem> => {
  const problems: Array<OptionProblem> = []
  if (fromClient?.ping === undefined && fromServer?.ping === undefined) {
    problems.push({ path: "heartbeat", message: "needs a ping in one direction at least" })
    return problems
  }
  if (fromClient?.pong !== undefined && fromServer?.ping === undefined) {
    problems.push({ path: "heartbeat.fromClient.pong", message: "answers nothing: the server does not ping" })
  }
  if (fromServer?.pong !== undefined && fromClient?.ping === undefined) {
    problems.push({ path: "heartbeat.fromServer.pong", message: "answers nothing: the client does not ping" })
  }
  return problems
}
