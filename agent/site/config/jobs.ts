/** [schedule.NAME] and [worker.NAME]: what runs beside the app, now and then or all the time. */
import * as z from "zod/mini";
import { complainAboutAt } from "../jobs/at.ts";
import { isZone } from "../jobs/zone.ts";
import { command, notes, text } from "./text.ts";
import { httpsUrl } from "./urls.ts";

/** It is part of unit names and of keys in the bucket. */
const MOST = 30;
export const jobName = text((name) =>
  /^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$/.test(name) && name.length <= MOST
    ? undefined
    : {
        message: `must be at most ${MOST} lower-case letters, digits and single hyphens, beginning with a letter`,
      },
);

const memory = () =>
  z.optional(z.int().check(z.minimum(16), z.maximum(65_536))).register(notes, {
    description: "Megabytes it may use; what takes more is ended.",
    examples: [256],
    otherwise: "40 % of the machine's memory",
  });

/** AWS takes a machine two minutes after it said so. */
const stop = (seconds: number) =>
  z._default(z.int().check(z.minimum(1), z.maximum(60)), seconds).register(notes, {
    description:
      "Seconds it has to end once it is asked to (SIGTERM), because the site passes to another machine, the release changes or its time is over. Then it is killed.",
    examples: [seconds],
  });

export const schedule = {
  run: command().register(notes, {
    description: "A shell command, run in the release as the app's user, with the app's environment.",
    examples: ["python3 manage.py clearsessions"],
    missing: 'what is run: run = "python3 manage.py clearsessions"',
  }),
  at: text(complainAboutAt).register(notes, {
    description:
      "When it is due, once a minute at most: a calendar expression as systemd's timers have it, or the five fields of a crontab.",
    examples: ["*-*-* 03:15"],
    missing: 'when it is due: at = "*-*-* 03:15"',
  }),
  zone: z
    ._default(
      text((name) =>
        isZone(name)
          ? undefined
          : { message: `${JSON.stringify(name)} is no time zone`, hint: 'like "Europe/Berlin" or "UTC"' },
      ),
      "UTC",
    )
    .register(notes, {
      description:
        "The time zone of `at`. Local times that are left out as summer time begins are not due that day, and those that come twice as it ends are due the first time.",
      examples: ["Europe/Berlin"],
    }),
  timeout: z._default(z.int().check(z.minimum(1), z.maximum(86_400)), 3600).register(notes, {
    description: "Seconds it may run.",
    examples: [600],
  }),
  missed: z._default(z.enum(["once", "skip"]), "once").register(notes, {
    description:
      'What is done when a time passed while no instance had the site: "once" makes up the last of them, "skip" waits for the next. What was due while the previous run was still going on is not made up.',
    examples: ["once"],
  }),
  retry: z._default(z.int().check(z.minimum(0), z.maximum(10)), 0).register(notes, {
    description:
      "How often a run that failed, took too long or was interrupted with its instance is tried again: after 30 s, then after twice as long each time. Only for jobs that may have been done in part before.",
    examples: [2],
  }),
  memory: memory(),
  stop: stop(10),
  ping: z.optional(text(httpsUrl)).register(notes, {
    description:
      "Requested (GET) after each run that ended well, so that a dead man's switch notices a job that does not run.",
    examples: ["https://hc-ping.com/2bdf6b9c-0000-0000-0000-000000000000"],
    aside: true,
    otherwise: "none",
  }),
};

export const worker = {
  run: command().register(notes, {
    description:
      "A shell command that does not end, run as the app is; it is started again whenever it ends.",
    examples: ["python3 manage.py qcluster"],
    missing: 'what is run: run = "celery -A mysite worker"',
  }),
  memory: memory(),
  stop: stop(30),
};
