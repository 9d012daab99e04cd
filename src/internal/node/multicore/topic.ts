/** The name of a group among all groups of the machine: keys that differ have different names. */
export const topicOf = (groups: string, key: string | number): string =>
  `${groups.length}:${groups}${typeof key === "number" ? "#" : "$"}${key}`
