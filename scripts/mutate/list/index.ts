/** All that is taken back, one thing at a time. */
import type { Mutation } from "../mutation.ts";
import { app } from "./app.ts";
import { behind } from "./behind.ts";
import { configuration } from "./configuration.ts";
import { contact } from "./contact.ts";
import { correcting } from "./correcting.ts";
import { credits } from "./credits.ts";
import { data } from "./data.ts";
import { declared } from "./declared.ts";
import { hanging } from "./hanging.ts";
import { jobs } from "./jobs.ts";
import { keeping } from "./keeping.ts";
import { layers } from "./layers.ts";
import { logs } from "./logs.ts";
import { looking } from "./looking.ts";
import { names } from "./names.ts";
import { operating } from "./operating.ts";
import { operator } from "./operator.ts";
import { ownership } from "./ownership.ts";
import { packing } from "./packing.ts";
import { policies } from "./policies.ts";
import { projects } from "./projects.ts";
import { proposing } from "./proposing.ts";
import { redaction } from "./redaction.ts";
import { releases } from "./releases.ts";
import { runs } from "./runs.ts";
import { serving } from "./serving.ts";
import { state } from "./state.ts";
import { staticFiles } from "./static.ts";
import { telling } from "./telling.ts";

export const mutations: readonly Mutation[] = [
  ...ownership,
  ...policies,
  ...releases,
  ...layers,
  ...redaction,
  ...serving,
  ...staticFiles,
  ...app,
  ...configuration,
  ...contact,
  ...hanging,
  ...behind,
  ...operating,
  ...logs,
  ...operator,
  ...names,
  ...runs,
  ...jobs,
  ...credits,
  ...correcting,
  ...looking,
  ...packing,
  ...declared,
  ...projects,
  ...proposing,
  ...state,
  ...telling,
  ...keeping,
  ...data,
];
