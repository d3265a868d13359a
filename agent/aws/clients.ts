import { ACMClient } from "@aws-sdk/client-acm";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { Route53Client } from "@aws-sdk/client-route-53";
import type { S3Client } from "@aws-sdk/client-s3";
import { SSMClient } from "@aws-sdk/client-ssm";
import { callLimits, streamLimits } from "../site/call-limits.ts";
import { createS3Client, expectOwner } from "../site/s3-client.ts";
import type { RoleCredentials } from "./credentials.ts";

/** One client for each service of AWS that the agent uses. None waits forever. */
export interface Clients {
  acm: ACMClient;
  ec2: EC2Client;
  /** Tries nothing twice. */
  logs: CloudWatchLogsClient;
  route53: Route53Client;
  s3: S3Client;
  ssm: SSMClient;
}

/** @param account that the site's bucket belongs to. */
export function createClients(
  of: { region: string; credentials: () => Promise<RoleCredentials>; account: string },
  limits = { calls: callLimits, streams: streamLimits },
): Clients {
  const { region, credentials, account } = of;
  // What each call passes through is put in order once for each kind; no one changes it later.
  const config = { region, credentials, requestHandler: limits.calls, cacheMiddleware: true };
  const s3 = createS3Client({ region, credentials, requestHandler: limits.streams });
  expectOwner(s3, account);
  return {
    acm: new ACMClient(config),
    ec2: new EC2Client(config),
    logs: new CloudWatchLogsClient({ ...config, maxAttempts: 1 }),
    route53: new Route53Client(config),
    s3,
    ssm: new SSMClient(config),
  };
}
