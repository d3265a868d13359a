/** The owner's own hands on what a site has written. */
import type { Mutation } from "../mutation.ts";

const own = ["test/provisioner/data/data.test.ts"];
const stopped = ["test/provisioner/deploy/stopped.test.ts"];

export const data: readonly Mutation[] = [
  {
    name: "who goes back takes an epoch above all that the log has by then",
    file: "provisioner/commands/data/epoch.ts",
    find: "readLog(aws.state, from)",
    replace: "Promise.resolve(from)",
    tests: own,
  },
  {
    name: "an instance does not take the epoch of whoever moved the site in for its own",
    file: "agent/state/take-over.ts",
    find: "if (seen.counts && header.epoch === me.epoch && header.instance !== me.instance)",
    replace: "if (seen.counts && header.epoch === me.epoch && header.instance === undefined)",
    tests: own,
  },
  {
    name: "a copy that follows notices that something was taken back",
    file: "provisioner/data/follow.ts",
    find: 'if (counts && header.kind === "rewind") again = true;',
    replace: "",
    tests: own,
  },
  {
    name: "content that the bucket has lost is brought again",
    file: "provisioner/commands/data/push-look.ts",
    find: "missing: missingIn(inBucket, all)",
    replace: "missing: missingIn(inBucket, changed)",
    tests: own,
  },
  {
    name: "an upload is what its name says",
    file: "provisioner/data/uploads.ts",
    find: "if (got.sha256 !== sha256) {",
    replace: "if (got.size < 0) {",
    tests: own,
  },
  {
    name: "a database of newer code than what serves is refused",
    file: "provisioner/data/local-database.ts",
    find: "if (sites.length === 0 || newer.length === 0) return;",
    replace: "if (sites.length === 0 || newer.length >= 0) return;",
    tests: own,
  },
  {
    name: "no instance runs, and none is launched, while the owner writes the log",
    file: "provisioner/deploy/stopped.ts",
    find: "await aws.fleets.change(fleet.id, { total: 0 });",
    replace: "",
    tests: stopped,
  },
  {
    name: "an instance is launched again when the work fails",
    file: "provisioner/deploy/stopped.ts",
    find: "if (spot !== undefined) await aws.fleets.change(spot.id, { total: 1 });",
    replace: "",
    tests: stopped,
  },
];
