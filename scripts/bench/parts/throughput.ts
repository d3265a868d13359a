/** What does nginx in front of gunicorn cost? */
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import { FORWARD_PORT } from "../../../agent/site/names.ts";
import { paths } from "../../../agent/system/paths.ts";
import type { Rehearsal } from "../../rehearsal/rehearsal.ts";
import { must, type Part, withSite } from "../bench.ts";
import { round, spread } from "../stats.ts";

const SECONDS = 5;
const AT_ONCE = 8;
const BARE_PORT = 8000;
/** A page with a query and a template: what visitors ask for. */
const PAGE = "/";

export const throughput: Part = {
  name: "throughput",
  about: "requests per second of nginx in front of gunicorn, beside those of gunicorn alone",
  run: (bench, figures) =>
    withSite(bench, {}, async (site) => {
      await must(site, ["up", "--yes"]);
      await site.untilPackagesAreKept();
      const { address } = await startBare(site);
      const targets = {
        bare: `http://${address}:${BARE_PORT}${PAGE}`,
        nginx: `http://${address}:${FORWARD_PORT}${PAGE}`,
        https: `https://${address}${PAGE}`,
      };
      const rates = { bare: [] as number[], nginx: [] as number[], https: [] as number[] };
      for (let i = 0; i < bench.runs; i++) {
        for (const name of ["bare", "nginx", "https"] as const) {
          rates[name].push(await load(targets[name], site.site.domain));
          bench.say(`${name}: ${round(rates[name].at(-1) ?? 0)} requests/s`);
        }
      }
      const { bare, nginx, https } = rates;
      figures.throughput = { bare: spread(bare), nginx: spread(nginx), https: spread(https), path: PAGE };
    }),
};

/** A second gunicorn of the release that serves, alike in everything but that it listens on a port itself. */
async function startBare(site: Rehearsal): Promise<{ address: string }> {
  const state = await site.state();
  if (state === undefined) throw new EverspotError("the site has no owner");
  const { owner, privateAddress: address, release } = state;
  const gunicorn = [
    `exec /usr/bin/python3 -m gunicorn --bind ${address}:${BARE_PORT} --workers "$EVERSPOT_WORKERS"`,
    `--timeout "$EVERSPOT_TIMEOUT" --worker-tmp-dir /dev/shm "$EVERSPOT_APP"`,
  ];
  const properties = [
    ...["User=everspot-app", "Group=everspot-app", "StateDirectory=everspot-app", "Slice=everspot-app.slice"],
    `EnvironmentFile=${paths.environment}/${release}.env`,
    `WorkingDirectory=${paths.releases}/${release}`,
  ];
  const done = await site.cloud.machines.exec(owner, "systemd-run", [
    ...["--unit=bench-bare", "--quiet", ...properties.map((p) => `--property=${p}`)],
    ...["/bin/sh", "-c", gunicorn.join(" ")],
  ]);
  if (done.exitCode !== 0) {
    throw new EverspotError("gunicorn alone did not start", { lines: done.stderr.split("\n") });
  }
  await site.pause(3);
  return { address };
}

/** Requests per second for some seconds. @throws EverspotError when an answer was not 200. */
async function load(url: string, host: string): Promise<number> {
  const { stdout } = await execa("hey", ["-z", `${SECONDS}s`, "-c", String(AT_ONCE), "-host", host, url]);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const statuses = [...stdout.matchAll(/^\s+\[(\d+)\]\s+\d+ responses$/gm)].map((m) => m[1]);
  if (!(rate > 0) || statuses.join() !== "200" || stdout.includes("Error distribution")) {
    throw new EverspotError(`${url} did not answer 200 each time`, { lines: stdout.split("\n").slice(-10) });
  }
  return rate;
}
