/** Groups from their options. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { GroupChange, GroupsOptions } from "../../Groups.ts"
import * as Outbound from "../../Outbound.ts"
import type { InvalidConfig } from "../../SluiceError.ts"
import { decodeOptions, integerOption, withDefault } from "../options.ts"
import { GroupTable } from "./groupTable.ts"

const positive = (maximum: number, value: number) => withDefault(integerOption(1, maximum), value)

const GroupsSettings = Schema.Struct({
  policy: withDefault(
    Schema.Unknown.check(
      Schema.makeFilter((policy) =>
        typeof policy === "function" || Outbound.isPolicy(policy)
          ? undefined
          : "must be a policy of Outbound, or a function from the key to one"
      )
    ),
    Outbound.dropNew
  ),
  maxMembers: positive(10_000_000, 100_000),
  maxGroups: positive(10_000_000, 100_000),
  maxGroupsPerConnection: positive(1_000_000, 1000),
  changeBuffer: positive(1_000_000, 1024)
})

/** Groups that end with the scope. `observe` hears of every change at once. */
export const makeGroupTable = <Key, Message>(
  options: GroupsOptions<Key, Message>,
  observe?: (change: GroupChange<Key>) => void
): Effect.Effect<GroupTable<Key, Message>, InvalidConfig, Scope.Scope> =>
  Effect.flatMap(decodeOptions(GroupsSettings, options), (settings) => {
    const { policy = Outbound.dropNew } = options
    const policyOf = typeof policy === "function" ? policy : () => policy
    return Effect.acquireRelease(
      Effect.sync(() => new GroupTable<Key, Message>(settings, policyOf, observe)),
      (table) => Effect.sync(() => table.end())
    )
  })
