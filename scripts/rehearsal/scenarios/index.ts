import type { Scenario } from "../scenario.ts";
import { heal } from "./heal.ts";
import { offlineReplacement } from "./offline-replacement.ts";
import { reclaims } from "./reclaims.ts";

/** In the order of `--all`. */
export const scenarios: readonly Scenario[] = [heal, reclaims, offlineReplacement];
