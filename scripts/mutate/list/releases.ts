/** What is run: hashes, the unpacker, who may be tried, and what a hostile instance leaves in the bucket. */
import type { Mutation } from "../mutation.ts";

const fetch = ["test/agent/release/fetch.test.ts"];
const unzip = ["test/agent/release/unzip.test.ts"];
const channel = ["test/agent/site/channel.test.ts"];
const fleet = ["test/agent/site/change-fleet.test.ts"];

const hashes: readonly Mutation[] = [
  {
    name: "a release's hash is the manifest's",
    file: "agent/release/fetch.ts",
    find: "got.sha256 !== manifest.sha256 || got.size",
    replace: "got.size",
    tests: fetch,
  },
  {
    name: "a release's size is the manifest's",
    file: "agent/release/fetch.ts",
    find: " || got.size !== manifest.size",
    replace: "",
    tests: fetch,
  },
  {
    name: "a manifest is of the release it is named for",
    file: "agent/release/fetch.ts",
    find: "if (manifest?.id === id) return manifest;",
    replace: "if (manifest !== undefined) return manifest;",
    tests: fetch,
  },
  {
    name: "an id that leads elsewhere is no release's",
    file: "agent/release/fetch.ts",
    find: "if (!isReleaseId(id)) {",
    replace: "if (id === undefined) {",
    tests: fetch,
  },
  {
    name: "a release fits the machine's Python",
    file: "agent/release/fit.ts",
    find: "manifest.python !== platform.python",
    replace: "false",
    tests: fetch,
  },
  {
    name: "what a power cut may have lost is fetched again",
    file: "agent/release/fetch.ts",
    find: "if (!(await there(join(disk.releases, id)))) return false;",
    replace: "if (await there(join(disk.releases, id))) return true;",
    tests: fetch,
  },
  {
    name: "what is stored is hashed as it came",
    file: "agent/site/s3-store.ts",
    find: "hash.update(chunk);\n          size",
    replace: "size",
    tests: ["test/agent/site/s3-store.test.ts"],
  },
  {
    name: "bytecode that another machine made is not executed",
    file: "agent/release/bytecode.ts",
    find: "if ((await cachesIn(folder)).length > 0) return 0;",
    replace: "",
    tests: ["test/agent/release/bytecode.test.ts"],
  },
];

const unpacking: readonly Mutation[] = [
  {
    name: "links and devices are refused",
    file: "agent/release/unzip-plan.ts",
    find: "type !== 0 && type !== S_IFREG && type !== S_IFDIR",
    replace: "false",
    tests: unzip,
  },
  {
    name: "an entry is a file or a folder, not both",
    file: "agent/release/unzip-plan.ts",
    find: 'if (type === (isFolder ? S_IFREG : S_IFDIR)) return "is both a file and a folder";',
    replace: "",
    tests: unzip,
  },
  {
    name: "encrypted entries are refused by name",
    file: "agent/release/unzip-plan.ts",
    find: 'if (entry.isEncrypted()) return "is encrypted";',
    replace: "",
    tests: unzip,
  },
  {
    name: "entries share no bytes",
    file: "agent/release/unzip-plan.ts",
    find: "if (f.offset < end) return f.path;",
    replace: "",
    tests: unzip,
  },
  {
    name: "folders that only paths imply count",
    file: "agent/release/unzip-plan.ts",
    find: "entries: files.length + folders.size, bytes",
    replace: "entries: files.length, bytes",
    tests: unzip,
  },
  {
    name: "no path leads out of its folder",
    file: "agent/site/release.ts",
    find: 'if (segment === "..") return "leads out of its folder";',
    replace: "",
    tests: unzip,
  },
  {
    name: "no path is absolute",
    file: "agent/site/release.ts",
    find: 'path.startsWith("/") || ',
    replace: "",
    tests: unzip,
  },
  {
    name: "no path has a backslash",
    file: "agent/site/release.ts",
    find: 'if (path.includes("\\\\")) return "has a backslash in its name";',
    replace: "",
    tests: unzip,
  },
  {
    name: "no two paths differ only in case",
    file: "agent/site/release.ts",
    find: 'path.normalize("NFC").toLowerCase()',
    replace: 'path.normalize("NFC")',
    tests: [...unzip, "test/agent/site/release.test.ts"],
  },
  {
    name: "nothing is there twice",
    file: "agent/site/release.ts",
    find: 'return implied || folder ? undefined : "is there twice";',
    replace: "return undefined;",
    tests: [...unzip, "test/agent/site/release.test.ts"],
  },
  {
    name: "a bomb is known by its ratio",
    file: "agent/site/release.ts",
    find: "totals.bytes > limits.ratio * totals.zipBytes",
    replace: "false",
    tests: [...unzip, "test/agent/site/release.test.ts"],
  },
  {
    name: "bytes of all entries are limited",
    file: "agent/site/release.ts",
    find: "if (totals.bytes > limits.bytes)",
    replace: "if (false)",
    tests: [...unzip, "test/agent/site/release.test.ts"],
  },
  {
    name: "content fits its checksum",
    file: "agent/release/unzip.ts",
    find: "if (sum !== file.crc32)",
    replace: "if (false)",
    tests: unzip,
  },
  {
    name: "an entry that declares too little is not inflated further",
    file: "agent/release/unzip.ts",
    find: 'done(size > file.size ? new Error("holds more bytes than it declares") : null, chunk);',
    replace: "done(null, chunk);",
    tests: unzip,
  },
  {
    name: "modes are ours, whatever the zip says",
    file: "agent/release/unzip.ts",
    find: "fchmodSync(fd, mode);",
    replace: "",
    tests: unzip,
  },
  {
    name: "a folder that holds something is not touched",
    file: "agent/release/unzip.ts",
    find: "if ((await readdir(dir)).length > 0) {",
    replace: "if ((await readdir(dir)).length < 0) {",
    tests: unzip,
  },
];

const trying: readonly Mutation[] = [
  {
    name: "a quarantined release is not published again",
    file: "agent/site/channel.ts",
    find: " || before.current === id || isQuarantined(before, id)) return undefined;",
    replace: " || before.current === id) return undefined;",
    tests: channel,
  },
  {
    name: "a later release is not replaced by an earlier one",
    file: "agent/site/channel.ts",
    find: "counterOf(other) > counterOf(id)",
    replace: "false",
    tests: channel,
  },
  {
    name: "no one goes back to a quarantined release",
    file: "agent/site/channel.ts",
    find: "if (bad !== undefined) {",
    replace: "if (bad === null) {",
    tests: channel,
  },
  {
    name: "a candidate has two attempts",
    file: "agent/site/channel.ts",
    find: "export const MAX_ATTEMPTS = 2;",
    replace: "export const MAX_ATTEMPTS = 20;",
    tests: [...channel, "test/agent/release/candidates.test.ts"],
  },
  {
    name: "the same attempt counts once",
    file: "agent/site/channel.ts",
    find: " || candidate.attempts.some((a) => isSame(a, attempt))",
    replace: "",
    tests: channel,
  },
  {
    name: "a bad release falls back to one that is not bad",
    file: "agent/site/channel.ts",
    find: "id !== failing && !isQuarantined(channel, id)",
    replace: "id !== failing",
    tests: channel,
  },
  {
    name: "a bad current release gives way",
    file: "agent/site/channel.ts",
    find: "current === id ? fallbackOf(channel, id) : current;",
    replace: "current;",
    tests: channel,
  },
  {
    name: "a release of before does not take the current one's place",
    file: "agent/site/channel.ts",
    find: "if (candidate?.id !== id && older && !isQuarantined(channel, id)) return undefined;",
    replace: "",
    tests: channel,
  },
  {
    name: "only the current release is known good",
    file: "agent/site/channel.ts",
    find: "channel.current !== id || channel.lastKnownGood",
    replace: "channel.lastKnownGood",
    tests: channel,
  },
  {
    name: "a fleet that is being changed takes no second change",
    file: "agent/site/change-fleet.ts",
    find: "if (active && (sent === undefined",
    replace: "if ((sent === undefined",
    tests: fleet,
  },
  {
    name: "a fleet's change is over once it shows",
    file: "agent/site/change-fleet.ts",
    find: "if (active && shows(seen, change)) return;",
    replace: "if (sent !== undefined || (active && shows(seen, change))) return;",
    tests: fleet,
  },
  {
    name: "a change that was forgotten is made again",
    file: "agent/site/change-fleet.ts",
    find: " || clock.now() - sent >= SHOWS * 1000",
    replace: "",
    tests: fleet,
  },
  {
    name: "a lower target ends no instance",
    file: "agent/site/change-fleet.ts",
    find: '"no-termination"',
    replace: '"termination"',
    tests: [...fleet, "test/provisioner/commands/deploy.test.ts"],
  },
  {
    name: "waiting for a fleet ends",
    file: "agent/site/change-fleet.ts",
    find: "if (clock.now() >= deadline) throw unsettled(fleet, seen, change);",
    replace: "if (clock.now() >= deadline) return;",
    tests: fleet,
  },
];

const leftBehind: readonly Mutation[] = [
  {
    name: "control characters of the bucket reach no terminal",
    file: "agent/site/read-json.ts",
    find: 'text.replace(CONTROL, "")',
    replace: "text",
    tests: ["test/agent/site/read-json.test.ts"],
  },
  {
    name: "of certbot's folder accounts alone are taken",
    file: "agent/certificate/lineage.ts",
    find: '!isAccount(entry.path) || "link" in entry',
    replace: '"link" in entry',
    tests: ["test/agent/certificate/lineage.test.ts"],
  },
  {
    name: "no account's path leads out of certbot's folder",
    file: "agent/certificate/lineage.ts",
    find: ' && !path.split("/").some((part) => part === "." || part === "..")',
    replace: "",
    tests: ["test/agent/certificate/lineage.test.ts"],
  },
  {
    name: "an ACME directory cannot bring a setting of certbot's",
    file: "agent/certificate/lineage.ts",
    find: "/^https?:\\/\\/[\\x21-\\x7e]+$/",
    replace: "/^https?:/",
    tests: ["test/agent/certificate/lineage.test.ts"],
  },
];

export const releases: readonly Mutation[] = [...hashes, ...unpacking, ...trying, ...leftBehind];
