/** What a client has said so far, and what to answer: plain functions, one line in, replies out. */

export interface Mail {
  readonly from: string
  readonly to: ReadonlyArray<string>
  readonly text: string
}

/** Where a session is. */
export interface Session {
  readonly secure: boolean
  readonly greeted: boolean
  readonly from: string | undefined
  readonly to: ReadonlyArray<string>
  /** The mail that is being sent, as far as it is kept; undefined outside of DATA. */
  readonly text: string | undefined
  readonly size: number
  readonly mistakes: number
}

/** What comes of a line. */
export interface Step {
  readonly session: Session
  readonly replies: ReadonlyArray<string>
  readonly action?: "startTls" | "close" | { readonly deliver: Mail }
}

export const maximumSize = 1024 * 1024
const maximumRecipients = 100
const maximumMistakes = 10

/** A session at its beginning, and again once TLS is on (RFC 3207, section 4.2). */
export const begin = (secure: boolean): Session => ({
  secure,
  greeted: false,
  from: undefined,
  to: [],
  text: undefined,
  size: 0,
  mistakes: 0
})

/** Without the mail that was begun. */
const reset = (session: Session): Session => ({
  ...session,
  from: undefined,
  to: [],
  text: undefined,
  size: 0
})

const answer = (session: Session, ...replies: ReadonlyArray<string>): Step => ({ session, replies })

/** A reply to a mistake. A client with many of them speaks something else. */
const mistake = (session: Session, reply: string): Step => {
  const mistakes = session.mistakes + 1
  return mistakes < maximumMistakes
    ? answer({ ...session, mistakes }, reply)
    : { session, replies: [reply, "421 too many mistakes"], action: "close" }
}

/** `<a@b>` behind `FROM:` or `TO:`, and the parameters behind it. */
const path = /^<([^<>\s]*)>(?: (.*))?$/

const mail = (session: Session, rest: string): Step => {
  if (!session.greeted) return mistake(session, "503 EHLO first")
  if (session.from !== undefined) return mistake(session, "503 one mail at a time")
  const [, from, parameters = ""] = path.exec(rest.replace(/^FROM: ?/i, "")) ?? []
  if (!/^FROM:/i.test(rest) || from === undefined) return mistake(session, "501 MAIL FROM:<address>")
  const size = /(?:^| )SIZE=(\d{1,20})(?: |$)/i.exec(parameters)?.[1]
  if (Number(size ?? 0) > maximumSize) return answer(session, `552 at most ${maximumSize} bytes`)
  return answer({ ...reset(session), from }, "250 ok")
}

const recipient = (session: Session, rest: string): Step => {
  if (session.from === undefined) return mistake(session, "503 MAIL first")
  const [, to] = path.exec(rest.replace(/^TO: ?/i, "")) ?? []
  if (!/^TO:/i.test(rest) || to === undefined || to === "") return mistake(session, "501 RCPT TO:<address>")
  if (session.to.length >= maximumRecipients) return answer(session, "452 too many recipients")
  return answer({ ...session, to: [...session.to, to] }, "250 ok")
}

const commands: Readonly<Record<string, (session: Session, rest: string) => Step>> = {
  HELO: (session) => answer({ ...reset(session), greeted: true }, "250 sluice"),
  EHLO: (session) =>
    answer(
      { ...reset(session), greeted: true },
      "250-sluice",
      "250-PIPELINING",
      "250-8BITMIME",
      ...(session.secure ? [] : ["250-STARTTLS"]),
      `250 SIZE ${maximumSize}`
    ),
  STARTTLS: (session, rest) =>
    session.secure
      ? mistake(session, "503 TLS is on already")
      : rest !== ""
        ? mistake(session, "501 STARTTLS stands alone")
        : { session: begin(true), replies: [], action: "startTls" },
  MAIL: mail,
  RCPT: recipient,
  DATA: (session) =>
    session.to.length === 0
      ? mistake(session, "503 RCPT first")
      : answer({ ...session, text: "" }, "354 go on, and end with a dot alone"),
  RSET: (session) => answer(reset(session), "250 ok"),
  NOOP: (session) => answer(session, "250 ok"),
  VRFY: (session) => answer(session, "252 send, and see"),
  QUIT: (session) => ({ session, replies: ["221 bye"], action: "close" })
}

/** A line that a client has sent. */
export const next = (session: Session, line: string): Step => {
  if (session.text !== undefined) return text(session, session.text, line)
  // Others might take one of them for the end of a line, and read two commands where we read one.
  if (/[\r\n\0]/.test(line)) return mistake(session, "500 a line ends with CR and LF")
  const [, name = "", rest = ""] = /^([A-Za-z]+)(?: (.*))?$/.exec(line) ?? []
  const command = Object.hasOwn(commands, name.toUpperCase()) ? commands[name.toUpperCase()] : undefined
  return command === undefined ? mistake(session, "500 what is that?") : command(session, rest.trim())
}

/** A line of a mail. A dot that begins one was put there by the client (RFC 5321, section 4.5.2). */
const text = (session: Session, kept: string, line: string): Step => {
  if (line === ".") return delivery(session, kept)
  const own = `${line.startsWith(".") ? line.slice(1) : line}\r\n`
  const size = session.size + own.length
  // What is too much is counted and not kept.
  return answer({ ...session, size, text: size > maximumSize ? kept : kept + own })
}

const delivery = (session: Session, text: string): Step => {
  const { from = "", size, to } = session
  const after = reset(session)
  if (size > maximumSize) return answer(after, `552 at most ${maximumSize} bytes`)
  if (/\r(?!\n)|(?<!\r)\n/.test(text)) return answer(after, "554 a line ends with CR and LF")
  return { session: after, replies: ["250 ok"], action: { deliver: { from, to, text } } }
}
