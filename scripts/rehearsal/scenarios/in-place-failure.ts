import { channelDocument } from "../../../agent/site/channel.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, deploy, mustDeploy, untilQuiet, withEdit } from "../deploys.ts";
import type { Scenario } from "../scenario.ts";

const HEALTHZ = "def healthz(request):\n";

const kinds = [
  {
    name: "HTTP 500",
    file: "guestbook/views.py",
    shows: /healthz/,
    edit: (text: string) => text.replace(HEALTHZ, `${HEALTHZ}    raise RuntimeError("broken on purpose")\n`),
  },
  {
    name: "import error",
    file: "project/wsgi.py",
    shows: /no_such_module_of_ours/,
    edit: (text: string) => `import no_such_module_of_ours\n${text}`,
  },
];

export const inPlaceFailure: Scenario = {
  name: "in-place-failure",
  about: "bad releases deployed in place: undone, the old one serves on, and the next good one works",
  overrides: { app: { timeout: 10 } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const good = (await rehearsal.state())?.release;
    const crowd = await startCrowd(rehearsal);
    const began = Date.now();
    for (const { name, file, shows, edit } of kinds) {
      rehearsal.moment(`a bad release: ${name}`);
      const failed = await withEdit(rehearsal, file, edit, () => deploy(rehearsal, ["--in-place"]));
      rehearsal.check(failed.exitCode === 1, `${name}: exit 1, but it was ${failed.exitCode}`);
      rehearsal.check(shows.test(failed.lines.join("\n")), `${name}: the reason is on the screen (${shows})`);
      await checkInOrder(rehearsal, `after ${name}`, good);
    }
    const { value: channel } = await readDocument(rehearsal.store, channelDocument);
    rehearsal.check(
      channel?.quarantined.length === kinds.length,
      `each bad release is quarantined, ${channel?.quarantined.length} of ${kinds.length} are`,
    );
    const boot = await rehearsal.boot(await rehearsal.owner());
    rehearsal.check(boot?.state === "serving" && boot.inPlace?.state === "failed", "the record says so");

    await change(rehearsal, "good again");
    const done = await mustDeploy(rehearsal, ["--in-place"]);
    await untilQuiet(rehearsal);
    await checkInOrder(rehearsal, "after a good one", done.release);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};
