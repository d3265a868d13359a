/** When something counts as wrong, and when it is over. Pure: each is given what was seen, once a minute. */
import type { Answers } from "../watch/answers.ts";

/** What a look says: wrong, with what to tell; well, with what to tell; or neither, as between two limits. */
export type Verdict = { wrong: string } | { well: string } | undefined;

/** Percent of the disk: from there on it is wrong, and below that well again. */
const DISK = { wrong: 90, well: 85 };

export function diskVerdict(usedPercent: number): Verdict {
  if (usedPercent >= DISK.wrong)
    return {
      wrong: `the disk is ${usedPercent} % full; when it is full, the app cannot write: [fleet] disk makes it larger, with \`everspot deploy\``,
    };
  return usedPercent < DISK.well ? { well: `the disk is ${usedPercent} % full` } : undefined;
}

/** Minutes over which answers are counted, until it is wrong and until it is well. */
const MINUTES = { wrong: 5, well: 10 };
/** So many errors are no accident of a few visitors. */
const LEAST_FAILED = 10;
/** Parts of all answers. */
const SHARE = { wrong: 0.05, well: 0.01 };

/** How many answers to visitors fail, from minute to minute. */
export class FailureShare {
  #minutes: Answers[] = [];

  look(minute: Answers): Verdict {
    this.#minutes = [...this.#minutes, minute].slice(-MINUTES.well);
    const { all, failed } = sum(this.#minutes.slice(-MINUTES.wrong));
    if (failed >= LEAST_FAILED && failed / all >= SHARE.wrong) {
      const share = Math.round((100 * failed) / all);
      return {
        wrong: `${share} % of the answers of the last ${MINUTES.wrong} min were errors (5xx): ${failed} of ${all}`,
      };
    }
    if (this.#minutes.length < MINUTES.well) return undefined;
    const long = sum(this.#minutes);
    return long.failed === 0 || long.failed / long.all < SHARE.well
      ? { well: `${long.failed} of the ${long.all} answers of the last ${MINUTES.well} min were errors` }
      : undefined;
  }
}

const sum = (minutes: readonly Answers[]): Answers => ({
  all: minutes.reduce((n, { all }) => n + all, 0),
  failed: minutes.reduce((n, { failed }) => n + failed, 0),
});

/** Minutes without another one after which that is over. */
const QUIET_MINUTES = 60;

/** How many of the site's processes the kernel kills for lack of memory. */
export class MemoryKills {
  #before: number | undefined;
  #quiet = 0;

  /** @param killed since the site's slice began, which may have been meanwhile. */
  look(killed: number): Verdict {
    const fresh = this.#before === undefined || killed < this.#before ? 0 : killed - this.#before;
    this.#before = killed;
    this.#quiet = fresh > 0 ? 0 : this.#quiet + 1;
    if (fresh > 0) {
      const what = fresh === 1 ? "a process of the site was" : `${fresh} processes of the site were`;
      return {
        wrong: `${what} killed for lack of memory: fewer [app] workers, or larger [fleet] types`,
      };
    }
    return this.#quiet > QUIET_MINUTES
      ? { well: "no process of the site was killed for lack of memory for an hour" }
      : undefined;
  }
}
