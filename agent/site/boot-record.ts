/**
 * `boots/<instance>.json`: what a boot did and what the instance has been since, rewritten by its agent as it goes. A log for
 * people and for whoever follows a deploy: the agent itself reads nothing back from it.
 *
 * Written is version 2. Of an older instance version 1 is read, which gave phases, own code and what was stopped in
 * names and texts; it is understood here alone. A CLI of before knows version 1 only and sees no record of a newer
 * instance: its `status` says less, its swaps launch an agent of its own, and only its `--in-place` waits in vain. So
 * that the next change need not do that, fields of version 2 that a reader does not know are left out, not refused: what
 * comes later needs no version 3 as long as the rest keeps its meaning.
 */
import * as z from "zod/mini";

const time = z.iso.datetime();

/** `bootstrap`: before there was an agent; `in-place`: later swaps on the same machine, the last one's. */
const phase = z.enum(["bootstrap", "boot", "in-place"]);
export type Phase = z.infer<typeof phase>;

/** What both versions tell of a step. */
const stepFields = {
  /** Unique in its phase. */
  name: z.string(),
  /** Names of steps of the same phase. */
  needs: z.array(z.string()),
  /** Seconds since the boot's `started`. */
  start: z.number(),
  /** Undefined while running. */
  seconds: z.optional(z.number()),
  /** One line for a person: what was done, e.g. "release 7 from cache". */
  detail: z.optional(z.string()),
  error: z.optional(z.string()),
  hint: z.optional(z.string()),
  /** The last lines of what failed. */
  lines: z.optional(z.array(z.string())),
};

const bootStep = z.object({
  phase,
  ...stepFields,
  /** `stopped`: another step failed, and this one was ended for it. */
  state: z.enum(["running", "done", "failed", "stopped"]),
  /** It runs the release's own code: if it fails or hangs, the release is to blame. */
  ownCode: z.optional(z.literal(true)),
});
export type BootStep = z.infer<typeof bootStep>;

/** What both versions tell of a boot. */
const recordFields = {
  site: z.string(),
  instance: z.string(),
  /** The kernel's id of this boot: tells a reboot from a launch. */
  bootId: z.string(),
  /** 1 for the first try of this boot; grows with every retry. */
  attempt: z.int().check(z.positive()),
  /** When EC2 launched the machine (IMDS does not tell; undefined until known). */
  launched: z.optional(time),
  /** When bootstrap.sh began. Steps count from here. */
  started: time,
  updated: time,
  /**
   * `standby`: another instance owns the site; `forwarding`: and requests that still come here go to it;
   * `unavailable`: the app does not recover and may not be replaced now, visitors get a 503 page.
   */
  state: z.enum(["booting", "serving", "standby", "forwarding", "failed", "unavailable"]),
  /** Why the release itself is bad, when the last try failed for that. */
  blame: z.optional(z.string()),
  agent: z.string(),
  /** AMI that the machine's disk began as; of one made from another machine's image, the one below that. */
  base: z.optional(z.string()),
  type: z.optional(z.string()),
  zone: z.optional(z.string()),
  address: z.optional(z.ipv4()),
  privateAddress: z.optional(z.ipv4()),
  release: z.optional(z.string()),
  epoch: z.optional(z.int()),
  certificate: z.optional(
    z.object({ serial: z.string(), expires: time, source: z.string(), begins: z.optional(time) }),
  ),
  /** What a person should know though the boot went on, e.g. "serving the previous release". */
  warnings: z.array(z.string()),
  /** What was noticed and done since the boot, oldest first; the newest 50. */
  events: z.optional(z.array(z.object({ at: time, text: z.string() }))),
  /** When all that the boot made was on the disk: an image of the machine taken from then on is whole. */
  settled: z.optional(time),
  /** What of `[worker.NAME]` runs there, as systemd has it, and how often each was started again. */
  workers: z.optional(
    z.array(z.object({ name: z.string(), state: z.string(), restarts: z.int().check(z.nonnegative()) })),
  ),
  /** Where what the site writes here is: in the bucket, or on this machine's disk alone. */
  written: z.optional(z.enum(["bucket", "disk"])),
  /** How far what it has written is brought along, as the deploy with this id asked for. */
  brought: z.optional(
    z.object({
      deploy: z.string(),
      state: z.enum(["running", "ready", "failed"]),
      detail: z.optional(z.string()),
    }),
  ),
  /** The last swap in place, of the deploy with this id. */
  inPlace: z.optional(
    z.object({
      deploy: z.string(),
      release: z.string(),
      state: z.enum(["running", "done", "failed"]),
      reason: z.optional(z.string()),
    }),
  ),
};

const version2 = z.object({ version: z.literal(2), ...recordFields, steps: z.array(bootStep) });
export type BootRecord = z.infer<typeof version2>;

const stepOfVersion1 = z.object({ ...stepFields, state: z.enum(["running", "done", "failed"]) });
const version1 = z.object({ version: z.literal(1), ...recordFields, steps: z.array(stepOfVersion1) });

/** Reads both versions; what comes out, and what is written, is version 2. */
export const bootRecord = z.discriminatedUnion("version", [
  version2,
  z.pipe(
    version1,
    z.transform(
      (old: z.infer<typeof version1>): BootRecord => ({
        ...old,
        version: 2,
        steps: old.steps.map(fromVersion1),
      }),
    ),
  ),
]);

/** What a person calls the step: "app", "in-place: app". */
export const stepLabel = ({ phase, name }: Pick<BootStep, "phase" | "name">): string =>
  phase === "boot" ? name : `${phase}: ${name}`;

/** The step that made a boot or a swap fail; those that were stopped for it did not. */
export const failedStep = (record: BootRecord, ...of: readonly Phase[]): BootStep | undefined =>
  record.steps.findLast((s) => s.state === "failed" && (of.length === 0 || of.includes(s.phase)));

/** Steps that ran the release's own code. */
const OWN_CODE_1 = ["prepare", "app", "healthy"];

function fromVersion1({ name: label, state, error, ...rest }: z.infer<typeof stepOfVersion1>): BootStep {
  const found = (["bootstrap", "in-place"] as const).find((p) => label.startsWith(`${p}: `));
  const plain = (text: string) => (found === undefined ? text : text.replace(`${found}: `, ""));
  const name = plain(label);
  const stopped = state === "failed" && error?.startsWith("stopped: ") === true;
  return {
    ...rest,
    phase: found ?? "boot",
    name,
    needs: rest.needs.map(plain),
    state: stopped ? "stopped" : state,
    error: stopped ? undefined : error,
    ...(OWN_CODE_1.includes(name) ? { ownCode: true as const } : {}),
  };
}
