/** Packages of `test/interop`, which may not be there when types are checked. */
import { fileURLToPath, pathToFileURL } from "node:url"

/** Loads a file of a package. What it has is for the caller to know. */
export const load = async <A>(path: string): Promise<A> => {
  const file = fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url))
  const loaded: A = await import(pathToFileURL(file).href)
  return loaded
}
