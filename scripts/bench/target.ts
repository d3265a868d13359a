import { round } from "./stats.ts";

export interface Target {
  what: string;
  wanted: string;
  /** As measured, for a person; undefined when it was not. */
  measured: string | undefined;
  /** Undefined when it was not measured. */
  met: boolean | undefined;
}

export function target(
  what: string,
  wanted: string,
  value: number | undefined,
  unit: string,
  holds: (value: number) => boolean,
): Target {
  if (value === undefined || Number.isNaN(value))
    return { what, wanted, measured: undefined, met: undefined };
  return { what, wanted, measured: `${round(value)}${unit}`, met: holds(value) };
}
