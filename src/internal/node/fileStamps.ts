/** Whether files have changed, without reading them. */
import * as Fs from "node:fs/promises"
import * as Effect from "effect/Effect"
import { errorCode } from "./nodeError.ts"

const stampOf = (path: string): Promise<string> =>
  Fs.stat(path, { bigint: true }).then(
    // A link leads to another file, one that is replaced has another number, one that is written to another time.
    ({ ctimeNs, dev, ino, mtimeNs, size }) => [dev, ino, size, mtimeNs, ctimeNs].join(":"),
    errorCode
  )

/** A text that is another one when one of the files is another one, or has come or gone. */
export const stampsOf = (paths: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => Promise.all(paths.map(stampOf))),
    (stamps) => stamps.join("\n")
  )
