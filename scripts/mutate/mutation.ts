/** A change of the sources that some test has to notice. */
export interface Mutation {
  /** What does not hold any more with it; no other has the same. */
  name: string;
  /** From the project's root. */
  file: string;
  /** Stands in the file exactly once. */
  find: string;
  replace: string;
  /** Files of tests of which one has to fail. */
  tests: readonly string[];
  /** They need root and machines. */
  system?: true;
}

/** @throws Error when the text is not there, or is there more than once: the list has to follow the sources. */
export function mutated(text: string, { name, file, find, replace }: Mutation): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`${name}: the text to replace is ${times} times in ${file}`);
  return text.replace(find, () => replace);
}
