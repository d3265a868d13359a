import { randomBytes } from "node:crypto";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { poll } from "../../../agent/site/poll.ts";
import { moduleOf, wheel } from "../../../test/provisioner/release/wheelhouse.ts";
import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import { type DeployJson, withEdit } from "../deploys.ts";
import type { Rehearsal } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const PACKAGES = 40;
const MODULES = 12;
/** Of a package, in bytes that do not compress: together more than 100 MB. */
const WEIGHT = 2_700_000;
const HEAVY = 100_000_000;
const PACK_SECONDS = 60;
const BOOT_SECONDS = 180;
const DRAIN = 7;

export const offlineHeavy: Scenario = {
  name: "offline-heavy",
  about: `a release with ${PACKAGES} dependencies and more than ${HEAVY / 1e6} MB comes up with the network shut but for the bucket`,
  overrides: { dns: { drain: DRAIN } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const names = await addDependencies(rehearsal);
    const imports = names.map((name) => `import ${name}.module_0\n`).join("");
    const env = await environment(rehearsal);
    const outcome = await withEdit(
      rehearsal,
      "project/wsgi.py",
      (text) => `${imports}${text}`,
      () => rehearsal.cli(["deploy"], 600, env),
    );
    if (outcome.exitCode !== 0) {
      throw new EverspotError(`everspot deploy exited with ${outcome.exitCode}`, {
        lines: outcome.lines.slice(-40),
      });
    }
    const done = outcome.json as DeployJson;
    const packed = done.steps.find((s) => s.name === "pack");
    rehearsal.check(
      packed !== undefined && packed.seconds < PACK_SECONDS,
      `it is packed in ${PACK_SECONDS} s, it took ${packed?.seconds}`,
    );
    const zip = (await rehearsal.store.list("releases/")).find(
      ({ key }) => key === `releases/${done.release}.zip`,
    );
    rehearsal.check((zip?.size ?? 0) > HEAVY, `it is heavy: ${zip?.size} bytes`);

    const first = await rehearsal.owner();
    await rehearsal.cloud.mirror.off();
    await rehearsal.cloud.pebble.close();
    rehearsal.moment("the package mirror and the certificate authority are gone");
    const visitor = rehearsal.visit({ name: "every 100 ms", every: 100 });
    const lost = await vanish(rehearsal);
    const gone = Date.now();
    const record = await rehearsal.bootOfOwner(lost, BOOT_SECONDS);
    const answer = await visitor.first((s) => s.at > gone && !failed(s) && s.address === record.address, 30);
    rehearsal.check(answer !== undefined, "the replacement answers the visitor");
    rehearsal.check(record.release === done.release, `it serves ${done.release}, not ${record.release}`);
    rehearsal.check(record.warnings.length === 0, `nothing is odd, but: ${record.warnings.join("; ")}`);
    const there = await poll(
      "the replacement to make its bytecode",
      async () => {
        const files = await pycOn(rehearsal, record.instance);
        return files > PACKAGES * MODULES ? { done: files } : { waiting: `${files} files` };
      },
      { seconds: 120, everySeconds: 0.5 },
    );
    const shared = await rehearsal.store.list("layers/bytecode/");
    rehearsal.check(shared.length === 0, "no machine runs bytecode that another one made");
    await visitor.stop();
    const boots = await rehearsal.boots();
    const before = boots.find((b) => b.instance === first);
    result.figures = {
      "MB of the release's zip": Math.round((zip?.size ?? 0) / 1e5) / 10,
      "seconds to pack": packed?.seconds ?? 0,
      "seconds to publish": done.steps.find((s) => s.name === "publish")?.seconds ?? 0,
      "files of bytecode": there,
      ...shares("the first", before),
      ...shares("the replacement", record),
    };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

const wheelhouse = (rehearsal: Rehearsal): string => path.join(path.dirname(rehearsal.site.folder), "wheels");

/** Packages made here, and a requirements.txt that names them. @returns their modules. */
async function addDependencies(rehearsal: Rehearsal): Promise<string[]> {
  const links = wheelhouse(rehearsal);
  await mkdir(links, { recursive: true });
  const names = Array.from({ length: PACKAGES }, (_, i) => `heavy-${i}`);
  for (const [i, name] of names.entries()) {
    const own = name.replace("-", "_");
    const files: Record<string, string | Buffer> = { [`${own}/data.bin`]: randomBytes(WEIGHT) };
    for (let m = 0; m < MODULES; m++) files[`${own}/module_${m}.py`] = moduleOf(15_000, i * MODULES + m);
    wheel(links, name, "1.0", { files, ...(i % 2 === 0 ? { tag: "cp313-cp313-manylinux2014_x86_64" } : {}) });
  }
  await writeFile(path.join(rehearsal.site.folder, "requirements.txt"), `${names.join("\n")}\n`);
  rehearsal.moment(`${PACKAGES} packages are in a wheelhouse`);
  return names.map((name) => name.replace("-", "_"));
}

/** pip finds packages in the wheelhouse alone, and what is made of them is not kept beyond the rehearsal. */
async function environment(rehearsal: Rehearsal): Promise<NodeJS.ProcessEnv> {
  const usual = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "everspot");
  const cache = path.join(path.dirname(rehearsal.site.folder), "cache");
  await mkdir(path.join(cache, "everspot"), { recursive: true });
  for (const name of await readdir(usual)) {
    if (name !== "trees") await symlink(path.join(usual, name), path.join(cache, "everspot", name));
  }
  return {
    PIP_CONFIG_FILE: "/dev/null",
    PIP_NO_INDEX: "1",
    PIP_FIND_LINKS: wheelhouse(rehearsal),
    XDG_CACHE_HOME: cache,
  };
}

async function pycOn(rehearsal: Rehearsal, instance: string): Promise<number> {
  const { stdout } = await rehearsal.cloud.machines.exec(instance, "find", [
    ...["/var/lib/everspot/releases", "-name", "*.cpython-313.pyc"],
  ]);
  return stdout.split("\n").filter((line) => line !== "").length;
}

function shares(who: string, record: BootRecord | undefined): Record<string, number> {
  const steps = (record?.steps ?? []).filter(({ name }) => ["release", "app", "healthy"].includes(name));
  return Object.fromEntries(steps.map(({ name, seconds }) => [`${who}: seconds of ${name}`, seconds ?? 0]));
}
