import { EverspotError } from "../../../agent/site/errors.ts";
import { type Aws, connect } from "../../aws/connect.ts";
import { isDenied } from "../../aws/errors.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { errorFinding, headline, sorted } from "../../findings/finding.ts";
import type { Terminal } from "../../operator/terminal.ts";
import { wrapped } from "../../operator/wrapped.ts";
import { currentOf } from "../../seen/current.ts";
import type { ProjectTools } from "../project-tools.ts";
import { account, authority, permissions, project, surroundings } from "./before.ts";
import { diagnose } from "./diagnosis.ts";
import { type Examined, examined, nextOf } from "./examined.ts";
import { seeStatus } from "./see-status.ts";

export interface DoctorOptions {
  /** Looks at the project and packs it even where the site is there; undefined: only where it is not. */
  project?: boolean | undefined;
}

/** What a fleet said longer ago may have passed. */
const EVENTS_MS = 3600_000;

/**
 * `everspot doctor`: looks at one thing after the other that a site needs, and ends with the one command that comes next.
 * Changes nothing. @throws EverspotError when something is ill.
 */
export async function runDoctor(
  config: SiteConfig,
  tools: ProjectTools,
  options: DoctorOptions,
): Promise<void> {
  const { terminal, clock } = tools;
  const aws = await connect(config, clock);
  try {
    const all: Examined[] = [];
    const show = (...found: readonly Examined[]): void => {
      all.push(...found);
      for (const one of found) for (const line of render(one, terminal)) terminal.print(line);
    };
    show(account(config, aws, process.env));
    show(await permissions(config, aws));
    const look = async <T>(name: string, run: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await run();
      } catch (error) {
        show(unlookable(name, error));
        return undefined;
      }
    };
    show(...((await look("domain", () => surroundings(config, aws, tools))) ?? []));
    const found = await look("site", () => seeStatus(config, aws, tools));
    const exists = found?.status.exists === true;
    if (found !== undefined) {
      const ordered = await look("authority", () =>
        authority(config, aws, found.seen.bucket !== undefined, new Date(clock.now())),
      );
      if (ordered !== undefined) show(ordered);
    }
    if (options.project ?? !exists) show(...(await project(config, aws, tools, tools.interrupted())));
    if (found !== undefined && exists) {
      const { status, seen } = found;
      const events = (await look("fleet", () => eventsOf(aws, currentOf(seen).fleet?.id, clock.now()))) ?? [];
      show(...diagnose({ status, names: [config.domain, ...config.aliases], events, now: clock.now() }));
    }
    const next = nextOf(all) ?? (exists ? undefined : "everspot up");
    const ill = all.filter((e) => e.state === "ill");
    terminal.json({
      command: "doctor",
      ...{ site: config.site, exists, well: ill.length === 0, next: next ?? null },
      examined: all,
    });
    if (ill.length > 0) {
      throw new EverspotError(
        `${config.site}: ${ill.map((e) => e.name).join(", ")} ${ill.length === 1 ? "is" : "are"} not well`,
        {
          hint: next === undefined ? undefined : `\`${next}\` comes next`,
        },
      );
    }
    terminal.print(next === undefined ? `${terminal.style.green("✓")} nothing is wrong` : `next: ${next}`);
  } finally {
    aws.close();
  }
}

/** What cannot be looked at for want of a permission is ill, too: the commands that need it end there. @throws what is no error of a person's. */
function unlookable(name: string, error: unknown): Examined {
  if (!(error instanceof EverspotError)) throw error;
  const hint = error.hint ?? "run `everspot doctor` again";
  const finding = errorFinding("aws.E001", error.message, { where: error.resource, hint });
  return examined(name, "", [finding], isDenied(error) ? "everspot permissions" : "everspot doctor");
}

const eventsOf = (aws: Aws, fleet: string | undefined, now: number) =>
  fleet === undefined ? Promise.resolve([]) : aws.fleets.history(fleet, new Date(now - EVENTS_MS));

const NAME = 13;
/** How many lines of what failed are shown. */
const LINES = 12;

function render(one: Examined, { style, width: columns }: Pick<Terminal, "style" | "width">): string[] {
  const marks = {
    well: style.green("✓"),
    odd: style.yellow("!"),
    ill: style.red("✗"),
    unknown: style.dim("?"),
  };
  const head = `${marks[one.state]} ${style.dim(one.name.padEnd(NAME - 1))} `;
  const room = NAME + 2;
  if (one.findings.length === 0) return wrapped(head, one.what, columns, room);
  const lines = sorted(one.findings).flatMap((finding, i) => [
    ...wrapped(i === 0 ? head : " ".repeat(room), headline(finding), columns, room),
    ...wrapped(`${" ".repeat(room)}→ `, finding.hint, columns, room + 2),
  ]);
  return [...lines, ...(one.lines ?? []).slice(-LINES).map((line) => `    ${line}`)];
}
