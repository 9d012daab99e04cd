/** Work for the processor, as an application's own would be: some ten microseconds for each message. */

const rounds = 100

/** Goes over the bytes again and again. What it finds is used, so that it is not left out. */
export const work = (bytes: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  }
  return hash
}

/** The message itself, after the work. */
export const worked = <A extends Uint8Array>(message: A): A => {
  if (work(message) === 0) message.fill(0)
  return message
}
