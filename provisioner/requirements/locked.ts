import path from "node:path";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { Registry } from "./registries.ts";
import { type Offered, parseRequirement, type RequirementLine } from "./requirement-lines.ts";

/** A package as a lock has it. Pure. */
export interface Locked {
  /** A line of a requirements file, paths relative to the lock. */
  text: string;
  /** Undefined for what is no package of a registry. */
  offered?: Offered | undefined;
  registry?: Registry | undefined;
}

/** What a lock says. */
export interface Lock {
  packages: Locked[];
  /** The Python it is made for (PEP 440, or Poetry's form); undefined when it does not say. */
  python: string | undefined;
}

export const lineOf = ({ text, offered }: Locked, folder: string): RequirementLine => ({
  ...parseRequirement(text, folder),
  ...omitUndefined({ offered }),
});

export const registriesOf = (packages: readonly Locked[]): Registry[] =>
  packages.flatMap(({ registry }) => registry ?? []);

/** The file name that an address or a path ends with. */
export const fileName = (place: string): string => path.posix.basename(place.replace(/[?#].*$/, ""));

export const byText = (a: Locked, b: Locked): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
