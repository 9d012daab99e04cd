/** Typed attributes of one connection. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Attribute, Attributes } from "../Connection.ts"

/** Attributes whose map is made with the first one. */
export class AttributeMap implements Attributes {
  private values: Map<object, unknown> | undefined

  get<A>(key: Attribute<A>): Option.Option<A> {
    return this.values?.has(key) === true
      ? // Only `set` writes under this key, and it takes an `A`.
        Option.some(this.values.get(key) as A)
      : Option.none()
  }

  set<A>(key: Attribute<A>, value: A): Effect.Effect<void> {
    return Effect.sync(() => {
      this.values ??= new Map()
      this.values.set(key, value)
    })
  }

  remove<A>(key: Attribute<A>): Effect.Effect<void> {
    return Effect.sync(() => {
      this.values?.delete(key)
    })
  }
}
