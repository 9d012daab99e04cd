/** `Map.groupBy` and `Object.groupBy` for Node 20: vitest's report of failures calls them. */
const groupMap = <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, Array<T>> => {
  const groups = new Map<K, Array<T>>()
  let index = 0
  for (const item of items) {
    const key = keyOf(item, index++)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

const groupObject = <T>(items: Iterable<T>, keyOf: (item: T, index: number) => PropertyKey): object =>
  Object.assign(Object.create(null), Object.fromEntries(groupMap(items, keyOf)))

for (const [target, groupBy] of [
  [Map, groupMap],
  [Object, groupObject]
] as const) {
  if (!("groupBy" in target)) {
    Object.defineProperty(target, "groupBy", { value: groupBy, configurable: true, writable: true })
  }
}
