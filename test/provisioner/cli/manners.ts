/** How each command is to be called, and what becomes of it where something stands in its way. */

export interface Manners {
  /** Words behind the command's name with which it does what it is for, on a site that is up; FOLDER is one of the test's own. */
  words?: readonly string[];
  /** Words with which it is used wrongly: exit code 2, and why. */
  wrong: readonly [words: readonly string[], why: RegExp];
  /** Its configuration, below the test's folder; undefined: everspot.toml. */
  file?: string;
  /** Asks AWS for nothing, so that no permission can be missing and no instance be gone. */
  local?: true;
  /** Has commands below it and does nothing itself. */
  group?: true;
  /** Where the instance that had the site is gone and none comes; undefined: it does what it is for all the same. */
  gone?: readonly [code: number, said: RegExp];
  /** More words then, so that it waits for less long. */
  briefly?: readonly string[];
  /** Takes a while: played beside the tests that need machines. */
  long?: true;
}

const unknownOption = [["--nothing"], /unknown option '--nothing'/] as const;
/** What AWS says of it may stand there instead. */
const noInstance = [1, /no instance|no Spot capacity/] as const;
const noSeconds = [["--timeout", "soon"], /must be a whole number of seconds/] as const;
const briefly = ["--timeout", "30"] as const;
const gone = [69, /, which served the site last, is gone\n {2}what to do: /] as const;
const state = { file: "state.toml" } as const;

/** By the command's name, in the order of a site's life. */
export const manners: Readonly<Record<string, Manners>> = {
  init: {
    ...{ long: true, local: true, file: "project/everspot.toml" },
    words: ["--yes", "--domain", "blog.example.com"],
    wrong: [["--domain", "no name", "--yes"], /"no name"/],
  },
  plan: { words: ["--no-pack"], wrong: unknownOption },
  doctor: { long: true, wrong: unknownOption, gone: [1, /no instance is running/] },
  up: { long: true, words: ["--yes"], wrong: noSeconds, gone: noInstance, briefly },
  github: { words: ["--repo", "ann/blog", "--yes"], wrong: [["--repo", "blog"], /owner\/name/i] },
  permissions: { local: true, wrong: [["--account", "12"], /must be twelve digits/] },
  fetch: { local: true, wrong: unknownOption },
  status: { wrong: unknownOption },
  logs: { wrong: [["--since", "soon"], /"soon" is no moment/] },
  open: { local: true, wrong: unknownOption },
  deploy: { long: true, words: ["--force"], wrong: noSeconds, gone: noInstance, briefly },
  rollback: { long: true, wrong: noSeconds, gone: noInstance, briefly },
  releases: { wrong: unknownOption },
  run: { words: ["--", "true"], wrong: [[], /run needs a command/], gone },
  manage: { words: ["check"], wrong: [[], /manage needs arguments/], gone },
  shell: { wrong: noSeconds, gone },
  jobs: { wrong: unknownOption },
  "jobs run": { words: ["nightly"], wrong: [["nighly"], /did you mean "nightly"\?/], gone },
  secret: { local: true, group: true, wrong: unknownOption },
  "secret set": { words: ["KEY"], wrong: [["no name"], /"no name"|must/] },
  "secret list": { wrong: unknownOption },
  "secret unset": { words: ["KEY"], wrong: [[], /missing required argument/] },
  data: { ...state, wrong: unknownOption },
  "data pull": {
    ...state,
    words: ["FOLDER/out.sqlite3", "--force"],
    wrong: [["--to", "soon"], /"soon" is no moment/],
  },
  "data push": {
    ...state,
    long: true,
    words: ["FOLDER/db.sqlite3", "--yes"],
    wrong: [["FOLDER/none"], /none/],
  },
  "data restore": { ...state, words: ["--to", "1m", "--dry-run"], wrong: [[], /--to|--before/] },
  "data drill": { ...state, wrong: unknownOption },
  "data follow": {
    ...state,
    words: ["FOLDER/copy.sqlite3", "--once", "--force"],
    wrong: [[], /missing required argument/],
  },
  notify: { local: true, group: true, wrong: unknownOption },
  "notify test": { wrong: unknownOption, gone },
  history: { wrong: unknownOption },
  bake: { long: true, words: ["--yes"], wrong: unknownOption, gone: [1, /no instance/] },
  maintenance: { words: ["on"], wrong: [["perhaps"], /maintenance is "on" or "off", not "perhaps"/] },
  certificate: { wrong: noSeconds },
  drill: {
    ...{ long: true, words: ["--terminate", "--yes"] },
    wrong: [["--max-downtime", "x"], /must be a whole number of seconds/],
    gone: [1, /does not answer even before the drill/],
  },
  down: { long: true, words: ["--yes"], wrong: unknownOption },
};
