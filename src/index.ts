/**
 * A functional streaming networking toolkit on Effect: declare a protocol and a handler, get a server or a client.
 *
 * @since 0.1.0
 */
export * as Admission from "./Admission.ts"
export * as ByteWriter from "./ByteWriter.ts"
export * as Client from "./Client.ts"
export * as CloseReason from "./CloseReason.ts"
export * as Codec from "./Codec.ts"
export * as Connection from "./Connection.ts"
export * as Connections from "./Connections.ts"
export * as Deadlines from "./Deadlines.ts"
export * as Events from "./Events.ts"
export * as Framing from "./Framing.ts"
export * as Handler from "./Handler.ts"
export * as Heartbeat from "./Heartbeat.ts"
export * as Offload from "./Offload.ts"
export * as Outbound from "./Outbound.ts"
export * as Protocol from "./Protocol.ts"
export * as Server from "./Server.ts"
export * as Shutdown from "./Shutdown.ts"
export * as SluiceError from "./SluiceError.ts"
export * as Tls from "./Tls.ts"
export * as Transport from "./Transport.ts"
export * as TransportMemory from "./TransportMemory.ts"
export * as TransportNode from "./TransportNode.ts"
export * as TransportSocket from "./TransportSocket.ts"
export * as Workers from "./Workers.ts"
