/** The values of RESP2 and RESP3, as a program holds them. */

/**
 * A value of RESP.
 *
 * Those that JavaScript has are themselves: integers are numbers, or `bigint`s beyond 2^53; bulk strings are byte arrays,
 * or texts where one is sent (or asked for, by the option `strings`); arrays, booleans and null. The others are tagged
 * objects, made by the functions of this module. What a decoder gives is never changed by anybody, and byte arrays are
 * views that stay as they are.
 *
 * @category models
 * @since 0.1.0
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | ReadonlyArray<Value>
  | SimpleString
  | SimpleError
  | BulkError
  | Double
  | BigNumber
  | VerbatimString
  | MapValue
  | SetValue
  | Push
  | Attributed
  | Null2

/**
 * A short text without line breaks, such as `OK`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimpleString {
  readonly _tag: "SimpleString"
  readonly text: string
}

/**
 * An error without line breaks, which begins with its kind: `ERR unknown command`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimpleError {
  readonly _tag: "SimpleError"
  readonly message: string
}

/**
 * An error of any bytes (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface BulkError {
  readonly _tag: "BulkError"
  readonly message: string
}

/**
 * A number with a fraction, infinite, or none (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface Double {
  readonly _tag: "Double"
  readonly value: number
}

/**
 * An integer of any size (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface BigNumber {
  readonly _tag: "BigNumber"
  readonly value: bigint
}

/**
 * A text that says in three characters what it is, `txt` or `mkd` (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface VerbatimString {
  readonly _tag: "VerbatimString"
  readonly format: string
  readonly text: string
}

/**
 * Keys and values, in the order of the wire; a key may stand twice (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface MapValue {
  readonly _tag: "Map"
  readonly entries: ReadonlyArray<readonly [key: Value, value: Value]>
}

/**
 * Values whose order means nothing, in the order of the wire; one may stand twice (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface SetValue {
  readonly _tag: "Set"
  readonly values: ReadonlyArray<Value>
}

/**
 * What nobody asked for, such as a published message; the first value says what it is (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface Push {
  readonly _tag: "Push"
  readonly values: ReadonlyArray<Value>
}

/**
 * A value with something said about it, which who does not know it may leave out (RESP3).
 *
 * @category models
 * @since 0.1.0
 */
export interface Attributed {
  readonly _tag: "Attributed"
  readonly attributes: ReadonlyArray<readonly [key: Value, value: Value]>
  readonly value: Value
}

/**
 * Null in the two forms of RESP2, to send. Decoders give `null` for either, as for RESP3's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Null2 {
  readonly _tag: "Null2"
  readonly of: "string" | "array"
}
