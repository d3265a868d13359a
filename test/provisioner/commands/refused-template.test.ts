/** Where AWS refuses to change what a fleet launches, nothing stays that the next command would trip over. */
import { afterEach, expect, test, vi } from "vitest";
import { channelDocument } from "../../../agent/site/channel.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";

vi.setConfig({ testTimeout: 60_000 });

let site: SwapSite | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

/** A site whose AWS answers a change of what a fleet launches like this. */
async function openRefusing(refuse: () => AwsError | undefined): Promise<SwapSite> {
  const opened = await openSwapSite();
  site = opened;
  opened.cloud.wire.before(({ operation, input }) => {
    const error = operation === "ModifyFleet" && input.LaunchTemplateConfigs ? refuse() : undefined;
    if (error !== undefined) throw error;
  });
  return opened;
}

const unsupported = () => new AwsError("UnsupportedOperation", "The launch template cannot be modified.");
const versions = (of: SwapSite) =>
  [...of.cloud.ec2.templates.all.values()].flatMap((t) => [...t.versions.keys()]);
const upChanged = (of: SwapSite): Promise<EverspotError | undefined> => {
  of.config.app.workers = 3;
  return runUp(of.config, of.tools, { refreshImage: false, wait: false, timeout: 60 }).then(
    () => undefined,
    (error: EverspotError) => error,
  );
};

test("up says what AWS refuses and leaves no version; a candidate waits for none", async () => {
  const of = await openRefusing(unsupported);
  const candidate = { id: "r000009-0123abcd", attempts: [] };
  await updateDocument(of.store, channelDocument, (c) => c && { ...c, version: 2, counter: 9, candidate });
  expect(await upChanged(of)).toMatchObject({
    message: expect.stringMatching(/does not let a fleet launch something else: .*cannot be modified/),
    hint: expect.stringContaining("nothing was changed"),
  });
  expect(versions(of)).toEqual([1]);
  expect((await of.channel())?.candidate).toEqual(candidate);
  expect(of.cloud.faults()).toEqual([]);
});

test("what cannot be taken back is named", async () => {
  const of = await openRefusing(unsupported);
  of.cloud.wire.before(({ operation }) => {
    if (operation === "DeleteLaunchTemplateVersions")
      throw new AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403);
  });
  const error = await upChanged(of);
  expect(error?.lines.join()).toContain("not undone: version 2 of the launch template");
  expect(error?.hint).not.toContain("nothing was changed");
});

test("a fleet that AWS could not change just now keeps the version for the next command", async () => {
  const of = await openRefusing(() => new AwsError("InternalError", "An internal error has occurred", 500));
  expect(await upChanged(of)).toMatchObject({ message: expect.stringContaining("internal error") });
  expect(versions(of)).toEqual([1, 2]);
});

test("a fleet that met a fresh profile, and takes no other version, is waited for", async () => {
  site = await openSwapSite({
    down: true,
    cloud: {
      fleetHabits: { modifiesTemplate: false },
      delays: { fleetModify: 1_000, profileKnown: 40_000, profileRefused: 120_000 },
    },
  });
  await site.up("first");
  expect(versions(site)).toEqual([1]);
  await site.up("first");
  expect(site.json()).toMatchObject({ changed: false });
});
