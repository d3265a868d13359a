/** Jobs at set times: never twice, never two at once, and none forgotten. */
import type { Mutation } from "../mutation.ts";

const WEEK = ["test/agent/jobs/week.test.ts"];
const JOBS = ["test/agent/jobs/jobs.test.ts"];

export const jobs: readonly Mutation[] = [
  {
    name: "an owner that is none any more begins no job",
    file: "agent/jobs/job.ts",
    find: "      if (current?.epoch !== owned.epoch) return undefined;\n      seen.turn",
    replace: "      if (current === undefined) return undefined;\n      seen.turn",
    tests: WEEK,
  },
  {
    name: "whoever takes the site over puts its epoch first",
    file: "agent/jobs/turn.ts",
    find: "  const mine = { ...current, epoch,",
    replace: "  if (!ends) return undefined;\n  const mine = { ...current, epoch,",
    tests: WEEK,
  },
  {
    name: "what an earlier owner began is waited for",
    file: "agent/jobs/turn.ts",
    find: 'if (running !== undefined && running.epoch !== me.epoch) return { do: "look", running };',
    replace: "",
    tests: WEEK,
  },
  {
    name: "a time is taken before the run, not after it",
    file: "agent/jobs/turn.ts",
    find: "next: { ...rest, settled, history, running: begun } };",
    replace: "next: { ...rest, history, running: begun } };",
    tests: WEEK,
  },
  {
    name: "what a dead owner left running is named",
    file: "agent/jobs/turn.ts",
    find: "  const history = kept(current, { ...run, ...how });",
    replace:
      "  const history = how.exitCode === undefined ? current.history : kept(current, { ...run, ...how });",
    tests: WEEK,
  },
  {
    name: "what was written and not answered is begun",
    file: "agent/jobs/job.ts",
    find: "    this.#unanswered = id;\n",
    replace: "",
    tests: WEEK,
  },
  {
    name: "what was missed is made up once",
    file: "agent/jobs/turn.ts",
    find: 'if (rules.missed === "skip" && now - last > LATE_SECONDS * 1000)',
    replace: "if (now - last > LATE_SECONDS * 1000)",
    tests: [...JOBS, ...WEEK],
  },
  {
    name: "jobs are down before the one that asks is told so",
    file: "agent/jobs/jobs.ts",
    find: "    await this.#work?.ended;\n",
    replace: "",
    tests: JOBS,
  },
  {
    name: "a job waits for its writes to be in the bucket",
    file: "agent/jobs/play.ts",
    find: "if (state === undefined || (await shipped(state, clock)))",
    replace: "if (true)",
    tests: JOBS,
  },
];
