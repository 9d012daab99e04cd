/**
 * Every error of this library, as tagged classes.
 *
 * Framings and codecs return theirs as values; effects fail with them. Nothing here is ever thrown.
 *
 * @since 0.1.0
 */
export * from "./internal/errors/clients.ts"
export * from "./internal/errors/configuration.ts"
export * from "./internal/errors/framing.ts"
export * from "./internal/errors/handlers.ts"
export * from "./internal/errors/jsonRpc.ts"
export * from "./internal/errors/messages.ts"
export * from "./internal/errors/processes.ts"
export * from "./internal/errors/requests.ts"
export * from "./internal/errors/transports.ts"
