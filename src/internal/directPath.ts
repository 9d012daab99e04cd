/**
 * Whether handlers are called in the very turn of the event loop that brought their messages, as long as nothing they do
 * has to wait. Off, every batch goes through a fiber. Nobody can tell the difference but by the clock, which the tests
 * show by running under both.
 */
export const directPath = { enabled: true }
