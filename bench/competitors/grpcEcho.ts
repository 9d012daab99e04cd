/** The service of server and client: a bidirectional stream of bytes, without a serialization on top. */
import type { ServiceDefinition } from "@grpc/grpc-js"

const asIs = (message: Buffer): Buffer => message

export const echoService = {
  echo: {
    path: "/bench.Echo/Echo",
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs
  }
} satisfies ServiceDefinition
