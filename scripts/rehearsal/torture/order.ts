import type { Series } from "../../state/series.ts";

/**
 * What happens, one after the other: planned things in their turn, and bad ones in an order that is drawn anew each time
 * that all of them were played. The same numbers of `random` make the same order.
 */
export function orderOf<T>(
  planned: readonly T[],
  bad: readonly T[],
  { handOvers, kills }: Pick<Series, "handOvers" | "kills">,
  random: () => number,
): T[] {
  const [good, worse] = [turns(() => planned), turns(() => shuffled(bad, random))];
  const all = handOvers + kills;
  let left = handOvers;
  return Array.from({ length: all }, (_, i) => {
    if (random() >= left / (all - i)) return worse.next().value;
    left--;
    return good.next().value;
  });
}

function* turns<T>(list: () => readonly T[]): Generator<T, never> {
  for (;;) yield* list();
}

/** Fisher and Yates. */
function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const rest = [...list];
  return list.flatMap(() => rest.splice(Math.floor(random() * rest.length), 1));
}
