/** Patterns as `KEYS` has them: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what stands for itself. */

/** Whether a whole text fits. Takes at most the time of one length times the other: only the last `*` is tried again. */
export const matches = (pattern: string, text: string): boolean => {
  const parts = parse(pattern)
  let part = 0
  let at = 0
  let star = -1
  let starAt = 0
  while (at < text.length) {
    const test = parts[part]
    if (test === "*") {
      star = part++
      starAt = at
    } else if (test?.(text.charCodeAt(at)) === true) {
      part++
      at++
    } else if (star >= 0) {
      part = star + 1
      at = ++starAt
    } else {
      return false
    }
  }
  while (parts[part] === "*") part++
  return part === parts.length
}

type Part = "*" | ((code: number) => boolean)

const parse = (pattern: string): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === "*") {
      if (parts.at(-1) !== "*") parts.push("*")
    } else if (char === "?") {
      parts.push(() => true)
    } else if (char === "[") {
      const [set, end] = parseSet(pattern, at + 1)
      parts.push(set)
      at = end
    } else {
      if (char === "\\" && at + 1 < pattern.length) at++
      const code = pattern.charCodeAt(at)
      parts.push((other) => other === code)
    }
  }
  return parts
}

/** The characters between brackets, and where the closing one is; without one, all up to the end. */
const parseSet = (pattern: string, from: number): readonly [Part, number] => {
  const not = pattern[from] === "^"
  const ranges: Array<readonly [number, number]> = []
  let at = not ? from + 1 : from
  for (; at < pattern.length && pattern[at] !== "]"; at++) {
    if (pattern[at] === "\\" && at + 1 < pattern.length) {
      at++
      ranges.push([pattern.charCodeAt(at), pattern.charCodeAt(at)])
    } else if (pattern[at + 1] === "-" && at + 2 < pattern.length) {
      const ends = [pattern.charCodeAt(at), pattern.charCodeAt(at + 2)]
      ranges.push([Math.min(...ends), Math.max(...ends)])
      at += 2
    } else {
      ranges.push([pattern.charCodeAt(at), pattern.charCodeAt(at)])
    }
  }
  return [(code) => ranges.some(([low, high]) => code >= low && code <= high) !== not, at]
}
