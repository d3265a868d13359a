import type { Part } from "../bench.ts";
import { app } from "./app.ts";
import { boot } from "./boot.ts";
import { day } from "./day.ts";
import { deploys } from "./deploys.ts";
import { hold } from "./hold.ts";
import { layer } from "./layer.ts";
import { memory } from "./memory.ts";
import { packaging } from "./packaging.ts";
import { sizes } from "./sizes.ts";
import { startup } from "./startup.ts";
import { state } from "./state.ts";
import { stateDay } from "./state-day.ts";
import { throughput } from "./throughput.ts";

/** In the order in which they run. */
export const parts: readonly Part[] = [
  startup,
  boot,
  deploys,
  packaging,
  throughput,
  app,
  hold,
  memory,
  day,
  layer,
  sizes,
  state,
  stateDay,
];
