/** How much a client may send, and what it is told of a request that cannot be served. */

/** Bounds of one request. Exactly the bound is allowed. */
export interface Limits {
  /** Bytes of the request line; more is 414. RFC 9112, section 3, asks for 8000 or more. */
  readonly requestLine: number
  /** Bytes of the request line and all header fields, and again of all trailer fields; more is 431. */
  readonly head: number
  /** Header fields, and trailer fields; more is 431. */
  readonly fields: number
  /** Bytes of the body; more is 413. */
  readonly body: number
  /** Bytes of the line before a chunk: its size and its extensions; more is 400. */
  readonly chunkLine: number
}

export const defaults: Limits = {
  requestLine: 8192,
  head: 16_384,
  fields: 100,
  body: 1024 * 1024,
  chunkLine: 256
}

/** Why a request is refused. Its connection closes behind the answer: nobody knows where the next request would begin. */
export class Refusal {
  readonly status: number
  readonly detail: string

  constructor(status: number, detail: string) {
    this.status = status
    this.detail = detail
  }
}

/** 400 (Bad Request). */
export const malformed = (detail: string): Refusal => new Refusal(400, detail)
