import type { Scenario } from "../scenario.ts";
import { heal } from "./heal.ts";

/** In the order of `--all`. */
export const scenarios: readonly Scenario[] = [heal];
