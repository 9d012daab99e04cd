/** What requests of JSON-RPC fail with. */
import * as Data from "effect/Data"

/**
 * The error of a JSON-RPC response (JSON-RPC 2.0, section 5.1): what a request failed with, and what an answer fails with
 * to say so. The codes from -32768 to -32000 have meanings of their own, see `JsonRpc.ErrorCode`.
 *
 * @category requests
 * @since 0.1.0
 */
export class JsonRpcError extends Data.TaggedError("JsonRpcError")<{
  readonly code: number
  readonly message: string
  /** Anything that JSON can say. */
  readonly data?: unknown
}> {}
