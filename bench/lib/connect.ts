/** How the loads open a connection: by hand, or with the client of a library whose protocol is beyond that. */
import { EchoConnection, type EchoEvents, type Echoing, type EchoOptions } from "./echoConnection.ts"

/** Such a client checks order, loss and duplicates of every message, as ours does. */
export type OpenEcho = (options: EchoOptions, events: EchoEvents) => Echoing

let openWith: OpenEcho = (options, events) => new EchoConnection(options, events)

/** From here on connections are those of a module that exports `openEcho`. */
export const useClient = async (file: string): Promise<void> => {
  const module: { readonly openEcho: OpenEcho } = await import(file)
  openWith = module.openEcho
}

export const openEcho: OpenEcho = (options, events) => openWith(options, events)
