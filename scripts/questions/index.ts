import { ofTheAccount } from "./account.ts";
import { ofCallers } from "./callers.ts";
import { emptyFleet, ofFleets } from "./fleets.ts";
import { ofInstances } from "./instances.ts";
import type { Question } from "./question.ts";

/** In the order in which they are asked: later ones go on from what earlier ones made. */
export const questions: readonly Question[] = [
  ...[...ofTheAccount, emptyFleet, ...ofCallers, ...ofFleets, ...ofInstances],
];
