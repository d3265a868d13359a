/** A stack of the SDK's middlewares as a list in order: the SDK itself puts all of them in order anew for each call. */
import { constructStack } from "@smithy/core/client";

const STEPS = ["initialize", "serialize", "build", "finalizeRequest", "deserialize"];
const PRIORITIES = ["high", "normal", "low"];

interface Options {
  name?: string;
  aliases?: readonly string[];
  step?: string;
  priority?: string;
  /** Of one that stands right before or after another. */
  toMiddleware?: string;
}
export type Middleware<Handle, Context> = (next: Handle, context: Context) => Handle;
type Add<Handle, Context> = (middleware: Middleware<Handle, Context>, options: Options) => void;
interface Adds<Handle, Context> {
  add: Add<Handle, Context>;
  addRelativeTo: Add<Handle, Context>;
}
export interface Stack<Handle, Context> {
  applyToStack(other: Adds<Handle, Context>): void;
}
export interface Entry<Handle, Context> {
  middleware: Middleware<Handle, Context>;
  name: string | undefined;
  step: string;
  /** By step and priority: the lower, the earlier it runs. */
  place: number;
  /** Of the SDK for the command: they come last in their place. */
  isLast: boolean;
}

/**
 * Those of a client, and those that the SDK has for one of its commands.
 * @param isWanted by name; the fewer, the sooner they are in order.
 */
export function inOrder<H, C>(
  client: Stack<H, C>,
  command: Stack<H, C>,
  isWanted: (name: string | undefined) => boolean,
): Entry<H, C>[] {
  const sorter = constructStack() as unknown as Adds<H, C> & {
    resolve(handle: unknown, context: object): void;
  };
  const order: { middleware: Middleware<H, C>; own: Own }[] = [];
  const named = new Map<string | undefined, Own>();
  const marking =
    (add: Add<H, C>, isLast: boolean): Add<H, C> =>
    (middleware, options) => {
      const own = { options, isLast };
      for (const name of [options.name, ...(options.aliases ?? [])]) named.set(name, own);
      if (!isWanted(options.name)) return;
      const mark = (next: H): H => {
        order.unshift({ middleware, own });
        return next;
      };
      // What a stack gives of itself has the middleware among its options, too.
      add(mark, { ...options, ...{ middleware: mark } });
    };
  const { add, addRelativeTo } = sorter;
  client.applyToStack({ add: marking(add, false), addRelativeTo: marking(addRelativeTo, false) });
  command.applyToStack({ add: marking(add, true), addRelativeTo: marking(addRelativeTo, true) });
  sorter.resolve(undefined, {});
  const leader = (own: Own): Own => {
    const target = own.options.toMiddleware === undefined ? undefined : named.get(own.options.toMiddleware);
    return target === undefined ? own : leader(target);
  };
  return order.map(({ middleware, own }) => {
    const { options, isLast } = leader(own);
    return { middleware, isLast, name: own.options.name, ...placed(options) };
  });
}

interface Own {
  options: Options;
  isLast: boolean;
}

/** With a command's own ones in their places. */
export function including<H, C>(entries: readonly Entry<H, C>[], own: Stack<H, C>): Entry<H, C>[] {
  const all = [...entries];
  const add: Add<H, C> = (middleware, options) => {
    const entry = { middleware, isLast: false, name: options.name, ...placed(options) };
    const later = all.findIndex(
      ({ place, isLast }) => place > entry.place || (place === entry.place && isLast),
    );
    all.splice(later < 0 ? all.length : later, 0, entry);
  };
  own.applyToStack({ add, addRelativeTo: add });
  return all;
}

function placed({ step = "initialize", priority = "normal" }: Options): { step: string; place: number } {
  return { step, place: STEPS.indexOf(step) * PRIORITIES.length + PRIORITIES.indexOf(priority) };
}

export const handler = <H, C>(entries: readonly Entry<H, C>[], handle: H, context: C): H =>
  entries.reduceRight((next, { middleware }) => middleware(next, context), handle);
