import {
  DescribeFleetsCommand,
  DescribeImagesCommand,
  type EC2Client,
  ModifyFleetCommand,
} from "@aws-sdk/client-ec2";
import type { Launches } from "../ports/launches.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

export function createLaunches(client: EC2Client, fleet: string): Launches {
  const named = <T>(doing: string, run: () => Promise<T>): Promise<T> =>
    run().catch((cause: unknown) => {
      throw new EverspotError(`EC2: ${doing}: ${messageOf(cause)}`, {
        resource: fleet,
        retry: "retry",
        cause,
      });
    });
  const configured = async () =>
    (await client.send(new DescribeFleetsCommand({ FleetIds: [fleet] }))).Fleets?.[0]
      ?.LaunchTemplateConfigs?.[0];
  return {
    version: () =>
      named("describing the fleet", async () => {
        const version = (await configured())?.LaunchTemplateSpecification?.Version;
        return version === undefined ? undefined : Number(version);
      }),
    launchBy: (version) =>
      named(`launching by version ${version}`, async () => {
        const now = await configured();
        await client.send(
          new ModifyFleetCommand({
            FleetId: fleet,
            LaunchTemplateConfigs: [
              {
                LaunchTemplateSpecification: {
                  LaunchTemplateId: now?.LaunchTemplateSpecification?.LaunchTemplateId,
                  Version: String(version),
                },
                Overrides: now?.Overrides?.map(({ InstanceType, SubnetId, MaxPrice }) => ({
                  InstanceType,
                  SubnetId,
                  MaxPrice,
                })),
              },
            ],
          }),
        );
      }),
    hasImage: (image) =>
      named(`describing ${image}`, async () => {
        const found = await client
          .send(new DescribeImagesCommand({ ImageIds: [image] }))
          .catch((error: unknown) => {
            if ((error as Error).name !== "InvalidAMIID.NotFound") throw error;
          });
        return found?.Images?.[0]?.State === "available";
      }),
  };
}
