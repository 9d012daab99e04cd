/**
 * What one needs to test protocols of one's own. Independent of any test runner.
 *
 * @since 0.1.0
 */
export * as FramingLaws from "./FramingLaws.ts"
