/** Django apps whose work is done by a process of their own, and the table of everspot.toml that runs it. */
interface Runner {
  /** Matches the app's name in INSTALLED_APPS. */
  app: RegExp;
  name: string;
  table: string;
}

/** With the word in the place of what celery's `-A` takes. */
const CELERY = "APPLICATION";

const runners: readonly Runner[] = [
  {
    ...{ app: /^(django_celery_beat|django_celery_results|celery)/, name: "Celery" },
    table: `[worker.celery] run = "celery -A ${CELERY} worker", with a broker that is not on this machine`,
  },
  { app: /^huey/, name: "Huey", table: '[worker.huey] run = "python3 manage.py run_huey"' },
  { app: /^django_q/, name: "Django Q", table: '[worker.q] run = "python3 manage.py qcluster"' },
  {
    ...{ app: /^(django_cron|django_crontab|crontab)/, name: "cron jobs" },
    table: '[schedule.cron] run = "python3 manage.py runcrons", at = "*/5 * * * *"',
  },
  {
    ...{ app: /^(django_rq|rq)/, name: "RQ" },
    table: '[worker.rq] run = "python3 manage.py rqworker", with a Redis that is not on this machine',
  },
  {
    ...{ app: /^django_apscheduler/, name: "APScheduler" },
    table: "[worker.scheduler] with the command that starts it",
  },
  {
    ...{ app: /^(django_)?dramatiq/, name: "Dramatiq" },
    table:
      '[worker.dramatiq] run = "python3 manage.py rundramatiq", with a broker that is not on this machine',
  },
  {
    ...{ app: /^procrastinate/, name: "Procrastinate" },
    table: '[worker.procrastinate] run = "python3 manage.py procrastinate worker"',
  },
];

/**
 * Those that a project has, each once.
 * @param apps of INSTALLED_APPS.
 * @param files of the project, below the folder of its manage.py.
 * @param project its package.
 */
export const runnersOf = (
  apps: readonly string[],
  files: Iterable<string>,
  project: string,
): readonly Pick<Runner, "name" | "table">[] =>
  runners
    .filter(({ app }) => apps.some((one) => app.test(one)))
    .map(({ name, table }) => ({ name, table: table.replace(CELERY, celeryIn(files) ?? project) }));

/** Celery looks for `celery` in a package by itself; by another name the module is to be named. */
function celeryIn(files: Iterable<string>): string | undefined {
  const modules = [...files]
    .filter((file) => /^(\w+\/)+celery(_app)?\.py$/.test(file))
    .map((file) => file.replace(/(\/celery)?\.py$/, "").replaceAll("/", "."));
  return modules.sort((a, b) => a.length - b.length)[0];
}
