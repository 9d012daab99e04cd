/**
 * Node's errors as ours.
 */
import { TransportError, type TransportFailure } from "../../SluiceError.ts"

const kinds: Readonly<Record<string, TransportFailure>> = {
  EADDRINUSE: "AddressInUse",
  EADDRNOTAVAIL: "AddressNotAvailable",
  EACCES: "PermissionDenied",
  EPERM: "PermissionDenied",
  ECONNREFUSED: "ConnectionRefused",
  EROFS: "PermissionDenied",
  ECONNRESET: "ConnectionReset",
  EPIPE: "ConnectionReset",
  ENOTFOUND: "UnknownHost",
  EAI_AGAIN: "UnknownHost",
  EAI_NODATA: "UnknownHost",
  EAI_NONAME: "UnknownHost",
  ETIMEDOUT: "Timeout",
  ERR_SOCKET_CONNECTION_TIMEOUT: "Timeout"
}

// A Unix path that is not there means nobody to connect to, and no place to listen at.
const pathKinds: Readonly<
  Record<string, { readonly listen: TransportFailure; readonly connect: TransportFailure }>
> = {
  ENOENT: { listen: "AddressNotAvailable", connect: "ConnectionRefused" },
  ENOTDIR: { listen: "AddressNotAvailable", connect: "ConnectionRefused" },
  ENOTSOCK: { listen: "AddressInUse", connect: "ConnectionRefused" }
}

/** The system's word for an error: `ECONNRESET`. The message where there is none. */
export const errorCode = (error: unknown): string => {
  if (error instanceof Error) {
    return "code" in error && typeof error.code === "string" ? error.code : error.message
  }
  return String(error)
}

/** What went wrong in a sentence. An attempt at several addresses tells of each. */
export const errorDetail = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map(errorDetail).join("; ")
  }
  if (!(error instanceof Error)) {
    return String(error)
  }
  // Of a handshake, OpenSSL's message is a line of its own log; the reason is what one wants to know.
  if (errorCode(error).startsWith("ERR_SSL_") && "reason" in error && typeof error.reason === "string") {
    return error.reason
  }
  return error.message === "" ? errorCode(error) : error.message
}

/** A failed listen or connect. */
export const transportError = (
  operation: "listen" | "connect",
  address: string,
  error: unknown
): TransportError => {
  const code = errorCode(error)
  const kind = pathKinds[code]?.[operation] ?? kinds[code] ?? "Unknown"
  return new TransportError({ operation, kind, address, detail: errorDetail(error), cause: error })
}
