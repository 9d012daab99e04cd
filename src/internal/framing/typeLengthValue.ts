/** Frames of a type, a length and a value. */
import type { ByteOrder } from "../../ByteWriter.ts"
import type { Framing } from "../../Framing.ts"
import { type FieldWidth, lengthFieldFraming } from "./lengthField.ts"
import { type EndPolicy, OptionChecks, type OversizePolicy, refusedFraming } from "./options.ts"

/**
 * Options of `typeLengthValue`.
 *
 * @category options
 * @since 0.1.0
 */
export interface TypeLengthValueOptions {
  /** How wide the type is, in bytes. Default 4. */
  readonly typeWidth?: FieldWidth
  /** How wide the length is, in bytes. Default 4. */
  readonly lengthWidth?: FieldWidth
  /** Of both the type and the length. Default `little`. */
  readonly byteOrder?: ByteOrder
  /** The most bytes of value. Default 8 MiB. */
  readonly maxLength?: number
  /** Default `fail`. */
  readonly oversize?: OversizePolicy
  /** Default `fail`. */
  readonly end?: EndPolicy
}

/**
 * Where in a frame the number of its type stands, and where its body begins; both count bytes from the frame's first.
 *
 * @category models
 * @since 0.1.0
 */
export interface TypeLayout {
  readonly offset: number
  readonly width: number
  readonly byteOrder: ByteOrder
  readonly bodyOffset: number
}

export const typeLengthValueFraming = (
  options: TypeLengthValueOptions
): Framing & { readonly type: TypeLayout } => {
  const { typeWidth = 4, lengthWidth = 4, byteOrder = "little", maxLength = 8_388_608, ...rest } = options
  const checks = new OptionChecks()
  checks.oneOf("typeWidth", typeWidth, [1, 2, 3, 4, 6, 8])
  const inner = lengthFieldFraming(
    { ...rest, offset: typeWidth, width: lengthWidth, strip: 0, byteOrder, maxLength },
    "typeLengthValue"
  )
  const withMaxLength = (maxLength: number) => typeLengthValueFraming({ ...options, maxLength })
  // The inner framing knows the length's width as `width`, and takes the type's width for an offset.
  for (const { path, message } of inner.problems) {
    if (path !== "offset") checks.add(path === "width" ? "lengthWidth" : path, message)
  }
  const type = { offset: 0, width: typeWidth, byteOrder, bodyOffset: typeWidth + lengthWidth }
  return checks.problems.length > 0
    ? { ...refusedFraming(inner.name, maxLength, checks.problems, withMaxLength), type }
    : { ...inner, withMaxLength, type }
}
