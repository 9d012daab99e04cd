/** What the options of all framings share: their defaults, their checks, and the framing that stands for bad ones. */
import type { FrameDecoder, Framing } from "../../Framing.ts"
import { InvalidConfig, type OptionProblem } from "../../SluiceError.ts"
import { emptyBytes } from "../bytes.ts"

/**
 * What happens to a frame that is too long: `fail` ends the decoder with `FrameTooLong`, `skip` leaves the frame
 * out, counts it in `skipped`, and goes on with the next one.
 *
 * @category options
 * @since 0.1.0
 */
export type OversizePolicy = "fail" | "skip"

/**
 * What happens to an unfinished frame when the input ends: `fail` answers `FrameTruncated`, `emit` hands over what
 * arrived as the last frame, `drop` forgets it.
 *
 * @category options
 * @since 0.1.0
 */
export type EndPolicy = "fail" | "emit" | "drop"

/** 1 MiB. */
export const defaultMaxLength = 1_048_576

export const noProblems: ReadonlyArray<OptionProblem> = []

/** Collects what is wrong with one framing's options. */
export class OptionChecks {
  readonly problems: Array<OptionProblem> = []

  add(path: string, message: string): void {
    this.problems.push({ path, message })
  }

  integer(path: string, value: number, minimum: number): void {
    if (!Number.isSafeInteger(value) || value < minimum) {
      this.add(path, `must be a safe integer of at least ${minimum}, got ${value}`)
    }
  }

  oneOf(path: string, value: string | number, allowed: ReadonlyArray<string | number>): void {
    if (!allowed.includes(value)) this.add(path, `must be one of ${allowed.join(", ")}, got ${value}`)
  }

  oversize(value: OversizePolicy): void {
    this.oneOf("oversize", value, ["fail", "skip"])
  }

  end(value: EndPolicy): void {
    this.oneOf("end", value, ["fail", "emit", "drop"])
  }
}

/** The framing of options that cannot be: answers `InvalidConfig` to everything. */
export const refusedFraming = (
  name: string,
  maxLength: number,
  problems: ReadonlyArray<OptionProblem>,
  withMaxLength: (maxLength: number) => Framing
): Framing => ({
  name,
  maxLength,
  problems,
  makeDecoder: () => new RefusedDecoder(new InvalidConfig({ problems })),
  encode: () => new InvalidConfig({ problems }),
  withMaxLength
})

class RefusedDecoder implements FrameDecoder {
  readonly buffered = 0
  readonly skipped = 0
  private readonly error: InvalidConfig

  constructor(error: InvalidConfig) {
    this.error = error
  }

  push(): InvalidConfig {
    return this.error
  }

  end(): InvalidConfig {
    return this.error
  }

  remaining(): Uint8Array {
    return emptyBytes
  }
}
