import { afterAll, beforeAll, expect, test } from "vitest";
import { runFetch } from "../../../provisioner/commands/fetch.ts";
import { type Desk, openDesk } from "../site.ts";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk.close());

test("the agent of the site's architecture is made, and AWS is not asked for anything", async () => {
  const asked: string[] = [];
  const mark = desk.cloud.mark();
  await runFetch(
    { ...desk.config, fleet: { ...desk.config.fleet, arch: "arm64" } },
    {
      ...desk.tools,
      agentArchive: async (arch) => {
        asked.push(arch);
        return await desk.tools.agentArchive(arch);
      },
    },
  );
  expect(asked).toEqual(["arm64"]);
  expect(desk.json()).toMatchObject({
    command: "fetch",
    arch: "arm64",
    sha256: expect.stringMatching(/^\w{64}$/),
  });
  expect(desk.cloud.wire.calls.slice(mark)).toEqual([]);
});
