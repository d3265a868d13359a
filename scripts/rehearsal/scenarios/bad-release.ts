import { randomUUID } from "node:crypto";
import { channelDocument } from "../../../agent/site/channel.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { releaseManifest } from "../../../agent/site/documents/release-manifest.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { keys } from "../../../agent/site/names.ts";
import { readJson } from "../../../agent/site/read-json.ts";
import { checkDown, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, deploy, mustDeploy, withEdit } from "../deploys.ts";
import type { CommandOutcome, Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

interface Kind {
  name: string;
  /** Must be on the last screen. */
  shows: RegExp;
  attempt(rehearsal: Rehearsal): Promise<CommandOutcome>;
}

/** A release whose file is changed so that it does not work. */
const broken = (name: string, file: string, shows: RegExp, edit: (text: string) => string): Kind => ({
  name,
  shows,
  attempt: (rehearsal) => withEdit(rehearsal, file, edit, () => deploy(rehearsal)),
});

const VIEWS = "guestbook/views.py";
const WSGI = "project/wsgi.py";
const HEALTHZ = "def healthz(request):\n";

const kinds: readonly Kind[] = [
  broken("HTTP 500", VIEWS, /healthz|HTTP 500/, (text) =>
    text.replace(HEALTHZ, `${HEALTHZ}    raise RuntimeError("broken on purpose")\n`),
  ),
  broken("hang", VIEWS, /healthz/, (text) =>
    text.replace(HEALTHZ, `${HEALTHZ}    import time\n    time.sleep(3600)\n`),
  ),
  broken("import error", WSGI, /no_such_module_of_ours/, (text) => `import no_such_module_of_ours\n${text}`),
  broken("missing dependency", "project/settings.py", /rest_framework/, (text) =>
    text.replace('    "guestbook",\n', '    "guestbook",\n    "rest_framework",\n'),
  ),
  { name: "wrong Python", shows: /Python 3\.11/, attempt: madeForAnotherPython },
  broken("migration error", "guestbook/migrations/0001_initial.py", /no_such_table/, (text) =>
    text.replace(
      "    operations = [\n",
      '    operations = [\n        migrations.RunSQL("INSERT INTO no_such_table VALUES (1)"),\n',
    ),
  ),
  broken(
    "memory hog",
    WSGI,
    /app|healthz/,
    (text) => `${text}\nhog = [bytearray(b"x" * (1 << 20)) for _ in range(20_000)]\n`,
  ),
];

export const badRelease: Scenario = {
  name: "bad-release",
  about: `releases that do not work (${kinds.map((k) => k.name).join(", ")}): no visitor notices, and the next good one works`,
  overrides: { app: { timeout: 15 }, dns: { drain: 20 } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const crowd = await startCrowd(rehearsal);
    const began = Date.now();
    const good = (await rehearsal.state())?.release;
    const owner = await rehearsal.owner();
    for (const kind of kinds) await attempt(rehearsal, result, kind, good);
    rehearsal.check((await rehearsal.owner()) === owner, "the same instance has the site all the while");
    await change(rehearsal, "good again");
    const done = await mustDeploy(rehearsal);
    result.swap = { seconds: done.seconds, steps: done.steps };
    await checkInOrder(rehearsal, "after the good deploy", done.release);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    await checkDown(rehearsal, result);
  },
};

async function attempt(
  rehearsal: Rehearsal,
  result: Result,
  kind: Kind,
  good: string | undefined,
): Promise<void> {
  rehearsal.moment(`a bad release: ${kind.name}`);
  const outcome = await kind.attempt(rehearsal);
  const screen = outcome.lines.slice(-25).join("\n");
  const reason = outcome.lines.find((line) => line.startsWith("error:")) ?? "";
  result.deploys = [
    ...(result.deploys ?? []),
    { name: kind.name, exitCode: outcome.exitCode, seconds: outcome.seconds, outcome: reason },
  ];
  rehearsal.check(outcome.exitCode === 1, `${kind.name}: exit 1, but it was ${outcome.exitCode}`);
  rehearsal.check(
    kind.shows.test(screen),
    `${kind.name}: the last screen shows ${kind.shows}, but it is ${screen}`,
  );
  await checkInOrder(rehearsal, kind.name, good);
  const { value: channel } = await readDocument(rehearsal.store, channelDocument);
  const bad = (outcome.json as { release?: string } | undefined)?.release;
  rehearsal.check(
    channel?.quarantined.some((q) => q.id === bad) === true,
    `${kind.name}: ${bad} is quarantined`,
  );
}

/** A release of the time before the site moved to another Debian: a rollback to it must be refused. */
async function madeForAnotherPython(rehearsal: Rehearsal): Promise<CommandOutcome> {
  const { store } = rehearsal;
  const current = (await rehearsal.state())?.release ?? "";
  const [manifest, zip] = await Promise.all([
    readJson(store, keys.releaseManifest(current), releaseManifest),
    store.get(keys.releaseZip(current)),
  ]);
  if (manifest === undefined || zip === undefined) throw new EverspotError(`${current} is not in the bucket`);
  const id = `r000000-${randomUUID().slice(0, 8)}`;
  await store.put(keys.releaseZip(id), zip.body);
  await store.put(keys.releaseManifest(id), JSON.stringify({ ...manifest, id, counter: 0, python: "3.11" }));
  rehearsal.moment(`everspot rollback ${id}`);
  return rehearsal.cli(["rollback", id], 600);
}
