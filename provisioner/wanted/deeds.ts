/** The rows of the operator's policy as deeds that AWS can be asked about beforehand. Pure. */
import type { Permission } from "./operator-policy.ts";
import type { Statement } from "./policy.ts";

/** Something that the operator may need to do. `context`: what the request would carry, by condition key. */
export interface Deed {
  actions: readonly string[];
  /** ARNs; none where AWS knows no resource for the actions. */
  resources: readonly string[];
  context: Readonly<Record<string, readonly string[]>>;
}

/** In the place of what a policy leaves open: the name of something that might be there. */
const SOME = "example";

/**
 * @param account of the operator. Where a condition allows several values, the first is what the request would carry; of a
 * condition that holds for all values of a list, the list.
 */
export function deedOf({ statement }: Permission, account: string): Deed {
  const { Action, Resource = [], Condition = {} } = statement;
  return {
    actions: [Action].flat(),
    resources: [Resource]
      .flat()
      .filter((arn) => arn !== "*")
      // An ARN that ends early stands for all that could follow.
      .map((arn) => arn.replace(/^((?:[^:]*:){4})\*$/, `$1${account}:*/*`).replaceAll("*", SOME)),
    context: contextOf(Condition),
  };
}

function contextOf(conditions: NonNullable<Statement["Condition"]>): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(conditions)
      // "Null" says only that there is one.
      .filter(([operator]) => operator !== "Null")
      .flatMap(([operator, keys]) =>
        Object.entries(keys).map(([key, value]) => {
          const values = [value].flat().map((v) => v.replaceAll("*", SOME));
          return [key, operator.startsWith("ForAllValues") ? values : values.slice(0, 1)] as const;
        }),
      ),
  );
}
