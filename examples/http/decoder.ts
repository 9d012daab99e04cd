/** Bytes to requests. */
import { ByteWriter, type Framing, SluiceError } from "effect-sluice"
import { type Body, LengthBody } from "./body.ts"
import { ChunkedBody } from "./chunks.ts"
import { Head } from "./head.ts"
import { type Limits, malformed, type Refusal } from "./limits.ts"
import { expectation, type Message, Request } from "./request.ts"
import { CR, LF } from "./syntax.ts"

/** Of one connection. What is wrong with its bytes ends it, with the {@link Refusal} as the error's cause. */
export class RequestDecoder implements Framing.FrameDecoder<Message> {
  readonly skipped = 0
  private readonly limits: Limits
  private readonly head: Head
  /** The part of a head that came before its end. */
  private readonly held = new ByteWriter.ByteWriter()
  /** A request whose body has not come yet, and how long its head was. */
  private request: Request | undefined
  private headLength = 0
  private body: Body | undefined
  private afterEmptyLine = false
  /** The client has said that it sends no more requests. */
  private over = false
  private error: SluiceError.FrameCorrupted | undefined

  constructor(limits: Limits) {
    this.limits = limits
    this.head = new Head(limits)
  }

  /** Of a request that is not whole. */
  get buffered(): number {
    return this.body === undefined ? this.held.length : this.headLength + this.body.held
  }

  push(chunk: Uint8Array, messages: Array<Message>): SluiceError.FrameError | undefined {
    let at = 0
    while (at < chunk.length && this.error === undefined && !this.over) {
      if (this.body !== undefined) at = this.readBody(this.body, chunk, at, messages)
      else if (this.held.length === 0) at = this.readHead(chunk, at, chunk, at, messages)
      else at = this.readHeldHead(chunk, at, messages)
    }
    return this.error
  }

  end(): SluiceError.FrameError | undefined {
    if (this.error === undefined && this.buffered > 0) this.refuse(malformed("the end, within a request"))
    return this.error
  }

  /** Nobody switches from here to another protocol. */
  remaining(): Uint8Array {
    return this.held.view()
  }

  /** A head that began in an earlier chunk: of this one no more is looked at than a head may be long. */
  private readHeldHead(chunk: Uint8Array, at: number, messages: Array<Message>): number {
    const { held, limits } = this
    const before = held.length
    held.writeBytes(chunk.subarray(at, at + limits.head + 1 - before))
    return this.readHead(held.view(), 0, chunk, at - before, messages)
  }

  /**
   * Reads on in a head that begins at `start` of `bytes`, which is at `origin` of the chunk. Returns how far in the chunk
   * it came.
   */
  private readHead(
    bytes: Uint8Array,
    start: number,
    chunk: Uint8Array,
    origin: number,
    messages: Array<Message>
  ): number {
    // Some clients end a body with an empty line that does not belong to it (RFC 9112, section 2.2).
    if (bytes[start] === CR && bytes[start + 1] === LF && !this.afterEmptyLine) {
      this.afterEmptyLine = true
      this.nextHead()
      return origin + 2
    }
    const end = this.head.read(bytes, start)
    if (end === 0) {
      if (this.held.length === 0) this.held.writeBytes(bytes.subarray(start))
      return chunk.length
    }
    if (end < 0) {
      this.refuse(this.head.problem)
      return chunk.length
    }
    const request = new Request(bytes, start, end, this.head)
    const next = origin + end - start
    const { chunked, length } = this.head.meaning
    // HTTP/1.0 knows no 100.
    const expects = this.head.meaning.expects && request.minor === 1
    this.afterEmptyLine = false
    this.headLength = end - start
    this.nextHead()
    if (!chunked && length <= 0) {
      this.emit(request, messages)
      return next
    }
    if (expects) messages.push(expectation)
    if (!chunked && chunk.length - next >= length) {
      request.body = chunk.subarray(next, next + length)
      this.emit(request, messages)
      return next + length
    }
    this.request = request
    this.body = chunked ? new ChunkedBody(this.limits) : new LengthBody(length)
    return next
  }

  private nextHead(): void {
    this.head.reset()
    if (this.held.length > 0) this.held.take()
  }

  private readBody(body: Body, chunk: Uint8Array, at: number, messages: Array<Message>): number {
    const next = body.read(chunk, at)
    if (next < 0) {
      this.refuse(body.problem)
    } else if (body.whole && this.request !== undefined) {
      const { request } = this
      request.body = body.take()
      this.request = undefined
      this.body = undefined
      this.emit(request, messages)
    }
    return next
  }

  private emit(request: Request, messages: Array<Message>): void {
    messages.push(request)
    if (request.last) this.over = true
  }

  private refuse(problem: Refusal | undefined): void {
    this.error = refused(problem ?? malformed("no request"))
    this.held.take()
    this.body = undefined
    this.request = undefined
  }
}

const refused = (refusal: Refusal): SluiceError.FrameCorrupted =>
  new SluiceError.FrameCorrupted({ detail: refusal.detail, cause: refusal })
