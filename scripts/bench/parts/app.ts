/** How many requests does an app answer on the smallest machine, with threads and without? */
import { cp, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { baselineOf } from "../../../agent/site/config/burstable.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { poll } from "../../../agent/site/poll.ts";
import { Group } from "../../../test/cloud/nspawn/group.ts";
import { memoryOf } from "../../../test/cloud/nspawn/limits.ts";
import { proveLimits } from "../../../test/cloud/nspawn/prove-limits.ts";
import { requireSandbox } from "../../../test/cloud/sandbox/sandbox.ts";
import type { Part } from "../bench.ts";
import { round, spread } from "../stats.ts";

const TYPE = "t3.micro";
const GUESTBOOK = path.resolve(import.meta.dirname, "../../../test/sites/guestbook");
const IN_GROUPS = path.resolve(import.meta.dirname, "../../../test/cloud/nspawn/in-groups.sh");
const SECONDS = 5;
const AT_ONCE = 16;
const ADDRESS = "127.0.0.77:8000";
const HOST = "guestbook.example";
/** [app] workers. */
const WORKERS = 2;
const THREADS = [1, 4] as const;
/** What a page waits for, such as the answer of another site. */
const WAITS_MS = 100;
const PAGES = { "/": "a query and a template", "/waits": `waits ${WAITS_MS} ms besides` } as const;

const APPLICATION = `import time
from project.wsgi import application as guestbook

def application(environ, start_response):
    if environ["PATH_INFO"] == "/waits":
        time.sleep(${WAITS_MS / 1000})
        environ["PATH_INFO"] = "/"
    return guestbook(environ, start_response)
`;

export const app: Part = {
  name: "app",
  about: `requests per second of a page on what a ${TYPE} has without credits, with threads and without`,
  async run(bench, figures) {
    const sandbox = requireSandbox();
    await proveLimits(sandbox);
    const folder = path.join(bench.directory, "app");
    await cp(GUESTBOOK, folder, { recursive: true });
    await writeFile(path.join(folder, "bench_app.py"), APPLICATION);
    const env = { STATE_DIRECTORY: path.join(folder, "state") };
    await mkdir(env.STATE_DIRECTORY);
    await execa("/usr/bin/python3", ["manage.py", "migrate", "--noinput"], { cwd: folder, env });
    const found = new Map<string, number[]>();
    for (let i = 0; i < bench.runs; i++) {
      for (const threads of THREADS) {
        const rates = await measure(new Group(sandbox.cgroups, `app-${threads}`), folder, env, threads);
        for (const [page, rate] of rates) {
          const key = `${threads} ${page}`;
          found.set(key, [...(found.get(key) ?? []), rate]);
          bench.say(`${threads} threads, ${page}: ${round(rate)} requests/s`);
        }
      }
    }
    figures.app = {
      ...{ type: TYPE, workers: WORKERS, atOnce: AT_ONCE },
      rates: [...found].map(([key, rates]) => {
        const [threads = "", page = ""] = key.split(" ");
        return {
          threads: Number(threads),
          page,
          about: PAGES[page as keyof typeof PAGES],
          rate: spread(rates),
        };
      }),
    };
  },
};

/** Requests per second of each page. */
async function measure(
  group: Group,
  folder: string,
  env: Record<string, string>,
  threads: number,
): Promise<[page: string, rate: number][]> {
  const baseline = baselineOf(TYPE);
  await group.create(memoryOf(TYPE));
  const gunicorn = [
    ...["/usr/bin/python3", "-m", "gunicorn", "--bind", ADDRESS, "--workers", String(WORKERS)],
    ...["--threads", String(threads), "--worker-tmp-dir", "/dev/shm", "bench_app:application"],
  ];
  const server = execa("bash", [IN_GROUPS, ...group.directories, "--", ...gunicorn], {
    ...{ cwd: folder, env, reject: false },
  });
  try {
    await untilAnswers();
    // As it starts it may have all there is.
    await group.limit(baseline && baseline.vcpus * baseline.share);
    const rates: [string, number][] = [];
    for (const page of Object.keys(PAGES)) rates.push([page, await load(page)]);
    return rates;
  } finally {
    server.kill("SIGTERM");
    await group.limit(undefined);
    await server;
    await group.remove();
  }
}

const untilAnswers = (): Promise<true> =>
  poll(
    "gunicorn",
    async () =>
      (await execa("hey", hey("/", ["-n", "1", "-c", "1"]))).stdout.includes("[200]")
        ? { done: true as const }
        : { waiting: "no 200" },
    { seconds: 20, everySeconds: 0.2 },
  );

const hey = (page: string, how: readonly string[]): string[] => [
  ...how,
  ...["-host", HOST, "-disable-keepalive", `http://${ADDRESS}${page}`],
];

async function load(page: string): Promise<number> {
  const { stdout } = await execa("hey", hey(page, ["-z", `${SECONDS}s`, "-c", String(AT_ONCE)]));
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  const statuses = [...stdout.matchAll(/^\s+\[(\d+)\]\s+\d+ responses$/gm)].map((m) => m[1]);
  if (!(rate > 0) || statuses.join() !== "200") {
    throw new EverspotError(`${page} did not answer 200 each time`, {
      lines: stdout.split("\n").slice(-10),
    });
  }
  return rate;
}
