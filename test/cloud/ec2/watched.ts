import { ContractError } from "../wire/errors.ts";

/**
 * Watches which members of an object are looked at. A parameter that would have no effect here must not look as
 * if it had one: `check` refuses members that were given and that no one read.
 */
export interface Watched<T> {
  object: T;
  /** @throws ContractError naming the first such member. */
  check(): void;
}

/** @param harmless members that change nothing the model has. */
export function watch<T extends object>(what: string, object: T, harmless: readonly string[]): Watched<T> {
  const read = new Set<string | symbol>(harmless);
  return {
    object: new Proxy(object, {
      get: (target, name) => {
        read.add(name);
        return Reflect.get(target, name);
      },
    }),
    check: () => assertRead(what, object, read),
  };
}

/** @throws ContractError for a member other than the known ones. */
export function assertOnly(what: string, object: object | undefined, known: readonly string[]): void {
  if (object !== undefined) assertRead(what, object, new Set(known));
}

function assertRead(what: string, object: object, read: ReadonlySet<string | symbol>): void {
  const ignored = Object.entries(object).find(([name, value]) => value !== undefined && !read.has(name));
  if (ignored !== undefined) throw new ContractError(`${what}: ${ignored[0]} is not modelled`);
}
