import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import type { Series } from "../state/series.ts";
import { onThis, Rehearsal } from "./rehearsal.ts";
import type { Result } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { prepareSite, STATELESS } from "./site.ts";
import { summarise } from "./visitors.ts";

export interface PlayOptions {
  folder: string;
  /** Whether it is the sample's, of which a story may leave something out. */
  sample: boolean;
  /** Private to this scenario. */
  directory: string;
  /** Where the instances' logs go; undefined drops them unless something went wrong. */
  kept: string | undefined;
  /** Whether everything is as slow and as late as on AWS. */
  asAws: boolean;
  series: Series;
}

/** Plays one scenario from an empty account to the end; whatever goes wrong is a problem in its result. */
export async function play(scenario: Scenario, options: PlayOptions): Promise<Result> {
  const started = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
    console.error(`${seconds} s  ${line}`);
  };
  const result: Result = { scenario: scenario.name, problems: [], boots: [], timeline: [], visitors: [] };
  if (options.asAws) result.asAws = true;
  say(`scenario ${scenario.name}: ${scenario.about}`);
  let rehearsal: Rehearsal | undefined;
  try {
    if ("runAlone" in scenario) await scenario.runAlone(result, say);
    else {
      rehearsal = await Rehearsal.start({
        prepare: (cloud) => {
          const to = path.join(options.directory, "site");
          if (scenario.prepare !== undefined) return scenario.prepare(cloud, to, say);
          const sample = options.sample ? STATELESS : {};
          return prepareSite(options.folder, to, { ...sample, ...scenario.overrides, ...onThis(cloud) });
        },
        asAws: options.asAws,
        credits: scenario.credits,
        result,
        say,
      });
      await scenario.run(rehearsal, result, options.series);
    }
  } catch (error) {
    result.problems.push(messageOf(error));
    say(`FAILED: ${messageOf(error)}`);
    if (error instanceof EverspotError) {
      if (error.hint !== undefined) say(`  ${error.hint}`);
      for (const line of error.lines) say(`  | ${line}`);
    } else if (error instanceof Error) say(String(error.stack));
  } finally {
    if (rehearsal !== undefined) {
      if (options.kept !== undefined) await keepLogs(rehearsal, path.join(options.kept, scenario.name), say);
      await rehearsal.close();
    }
  }
  result.clients = result.visitors.map((v) => ({ name: v.name, requests: summarise(v.samples) }));
  const first = result.clients[0];
  if (first !== undefined) result.requests = first.requests;
  say(result.problems.length === 0 ? `${scenario.name} passed` : `${scenario.name} FAILED`);
  return result;
}

/** Puts what the instances and the services around them said into a folder. */
export async function keepLogs(
  rehearsal: Rehearsal,
  folder: string,
  say: (line: string) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of await rehearsal.cloud.logs()) {
    await writeFile(path.join(folder, name), text);
  }
  say(`logs: ${folder}`);
}
