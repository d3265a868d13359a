import { DescribeImagesCommand, type EC2Client, type Image } from "@aws-sdk/client-ec2";
import type { Launches } from "../ports/launches.ts";
import { changeFleet, launchOf } from "../site/change-fleet.ts";
import type { Clock } from "../site/clock.ts";
import { fleetError, fleetsOf } from "./fleet.ts";

export function createLaunches(client: EC2Client, site: string, clock: Clock): Launches {
  const named = <T>(doing: string, run: () => Promise<T>): Promise<T> =>
    run().catch((cause: unknown) => {
      throw fleetError(doing, site, cause);
    });
  return {
    version: () =>
      named("describing the fleet", async () => {
        const [fleet] = await fleetsOf(client, site);
        return fleet && launchOf(fleet)?.template.version;
      }),
    launchBy: (version) =>
      named(`launching by version ${version}`, async () => {
        for (const fleet of await fleetsOf(client, site)) {
          const now = launchOf(fleet);
          if (now === undefined) continue;
          const launch = { ...now, template: { ...now.template, version } };
          await changeFleet(client, fleet.FleetId ?? "", { launch }, { clock });
        }
      }),
    hasImage: (image) =>
      named(`describing ${image}`, async () => (await imageOf(client, image))?.State === "available"),
    imageCreated: (image) =>
      named(`describing ${image}`, async () => {
        const found = await imageOf(client, image);
        return found && new Date(found.CreationDate ?? Number.NaN);
      }),
  };
}

/** EC2 shows deprecated images of another account only when asked to include them. */
async function imageOf(client: EC2Client, id: string): Promise<Image | undefined> {
  const found = await client
    .send(new DescribeImagesCommand({ ImageIds: [id], IncludeDeprecated: true }))
    .catch((error: unknown) => {
      if ((error as Error).name !== "InvalidAMIID.NotFound") throw error;
    });
  return found?.Images?.[0];
}
