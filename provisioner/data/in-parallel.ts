/** Does something for each, so many side by side; after the first failure none is begun. @throws that failure. */
export async function inParallel<T>(
  all: readonly T[],
  atOnce: number,
  run: (one: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    while (next < all.length && !failed) {
      try {
        await run(all[next++] as T);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const done = await Promise.allSettled(Array.from({ length: Math.min(atOnce, all.length) }, work));
  const bad = done.find((one) => one.status === "rejected");
  if (bad !== undefined) throw bad.reason;
}
