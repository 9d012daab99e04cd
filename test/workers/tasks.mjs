/** What the threads of the tests run. */
export const double = (number) => number * 2

/** Keeps its thread busy until the shared number is no longer 0. */
export const spin = (shared) => {
  const cell = new Int32Array(shared)
  Atomics.add(cell, 1, 1)
  while (Atomics.load(cell, 0) === 0);
  return "done"
}

export const fail = (text) => Promise.reject(new Error(text))

export const exit = (code) => process.exit(code)

/** Answers, and dies a little later. */
export const dieLater = () => {
  setImmediate(() => {
    throw new Error("later")
  })
  return "for now"
}
