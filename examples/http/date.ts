/** The field `Date`, as bytes that are made once a second (RFC 9110, section 6.6.1). */

let second = -1
let line: Uint8Array = new Uint8Array(0)

/** The same bytes all through a second. */
export const dateLine = (): Uint8Array => {
  const now = Math.floor(Date.now() / 1000)
  if (now !== second) {
    second = now
    line = Buffer.from(`Date: ${new Date(now * 1000).toUTCString()}\r\n`)
  }
  return line
}
