// Loaded into the agent before its bundle (node --import): its clock sleeps a fraction of what it is asked to, so that
// an hour of watching takes a minute. Nothing else is changed.
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";

const times = Number(process.env.BENCH_TIMES);
const sleep = timers.setTimeout;
timers.setTimeout = (milliseconds, ...rest) => sleep(milliseconds / times, ...rest);
syncBuiltinESMExports();
