/** One of several addresses to connect from: each has ports of its own. */
export const sourceAddress = (id: number): string => `127.0.0.${2 + (id % 64)}`
