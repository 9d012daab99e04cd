/** Protocols from their parts, with a framing or without one. */
import type * as Codec from "../Codec.ts"
import type { Framing } from "../Framing.ts"
import type { Protocol } from "../Protocol.ts"
import type { OptionProblem } from "../SluiceError.ts"
import { noneFraming } from "./framing/none.ts"

/** What a protocol consists of. */
export type ProtocolParts<
  FromClient,
  FromServer,
  ClientDecoding,
  ClientEncoding,
  ServerDecoding,
  ServerEncoding
> =
  | {
      readonly framing: Framing
      readonly fromClient: Codec.Codec<FromClient, ClientDecoding, ClientEncoding>
      readonly fromServer: Codec.Codec<FromServer, ServerDecoding, ServerEncoding>
    }
  | {
      readonly framing?: undefined
      readonly fromClient: Codec.SelfDelimiting<FromClient>
      readonly fromServer: Codec.SelfDelimiting<FromServer>
    }

export const makeProtocol = <
  FromClient,
  FromServer,
  ClientDecoding,
  ClientEncoding,
  ServerDecoding,
  ServerEncoding
>(
  name: string,
  parts: ProtocolParts<FromClient, FromServer, ClientDecoding, ClientEncoding, ServerDecoding, ServerEncoding>
): Protocol<FromClient, FromServer, ClientDecoding | ServerEncoding, ServerDecoding | ClientEncoding> => {
  const { framing, fromClient, fromServer } = parts
  if (framing !== undefined) {
    return { name, framing, fromClient, fromServer, problems: problemsAt("framing", framing) }
  }
  const problems = [
    ...problemsAt("fromClient", parts.fromClient),
    ...problemsAt("fromServer", parts.fromServer)
  ]
  return { name, framing: noneFraming({}), selfDelimiting: true, fromClient, fromServer, problems }
}

/** What is wrong with a part of a protocol. */
export const problemsAt = (
  at: string,
  { problems }: { readonly problems: ReadonlyArray<OptionProblem> }
): ReadonlyArray<OptionProblem> => problems.map(({ message, path }) => ({ path: `${at}.${path}`, message }))
