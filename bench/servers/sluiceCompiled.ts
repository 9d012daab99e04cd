/** The servers of `sluice.ts` with schemas that Effect compiles to JavaScript when they are first used. */
import "effect/schema/SchemaJITCompiler/enable"
import "./sluice.ts"
