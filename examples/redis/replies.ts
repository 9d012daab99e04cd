/** Answers in the words of Redis. */
import { Resp } from "effect-sluice"

/** An error; what of a client's own words is in it must not break the line. */
export const error = (message: string): Resp.SimpleError =>
  Resp.simpleError(message.replace(/[\r\n]+$/, "").replace(/[\r\n]/g, " "))

export const wrongType = error("WRONGTYPE Operation against a key holding the wrong kind of value")
export const syntaxError = error("ERR syntax error")
export const notInteger = error("ERR value is not an integer or out of range")
export const overflow = error("ERR increment or decrement would overflow")
export const mustBePositive = error("ERR value is out of range, must be positive")
export const queued = Resp.simpleString("QUEUED")

export const wrongArity = (name: string): Resp.SimpleError =>
  error(`ERR wrong number of arguments for '${name}' command`)

export const invalidExpire = (name: string): Resp.SimpleError =>
  error(`ERR invalid expire time in '${name}' command`)

const most = 128

/** As far as C would print it. */
const printed = (text: string, limit: number): string => (text.split("\0")[0] as string).slice(0, limit)

export const unknownCommand = (command: Resp.Command): Resp.SimpleError => {
  let args = ""
  for (let i = 1; i < command.length && args.length < most; i++) {
    args += `'${printed(command.latin1(i), most - args.length)}' `
  }
  return error(`ERR unknown command '${printed(command.latin1(0), most)}', with args beginning with: ${args}`)
}
