/** What options fail with. */
import * as Data from "effect/Data"

/**
 * One option that cannot be, with its path (`framing.maxLength`, `inbound.maxMessages`).
 *
 * @category configuration
 * @since 0.1.0
 */
export interface OptionProblem {
  readonly path: string
  readonly message: string
}

/**
 * Options that cannot be. Lists every problem at once, each with its path.
 *
 * @category configuration
 * @since 0.1.0
 */
export class InvalidConfig extends Data.TaggedError("InvalidConfig")<{
  readonly problems: ReadonlyArray<OptionProblem>
}> {
  override get message(): string {
    return `invalid options: ${this.problems.map(({ path, message }) => `${path}: ${message}`).join("; ")}`
  }
}
