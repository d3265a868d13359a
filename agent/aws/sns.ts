import { SignatureV4 } from "@smithy/signature-v4";
import type { Mail } from "../notify/notify.ts";
import { callLimits } from "../site/call-limits.ts";
import { EverspotError } from "../site/errors.ts";
import type { Clients } from "./clients.ts";

const VERSION = "2010-03-31";

/**
 * Mails by a topic of Amazon SNS: its one call by hand, since the SDK's client weighs more than all else that is sent
 * (SNS API Reference, Publish). @param ssm whose credentials and signing are used. @param env AWS_ENDPOINT_URL_SNS and
 * AWS_ENDPOINT_URL count, as with the SDK.
 */
export function createMail(
  { ssm }: Pick<Clients, "ssm">,
  topic: string,
  env: NodeJS.ProcessEnv = process.env,
): Mail {
  const region = topic.split(":")[3] ?? "";
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const given = env.AWS_ENDPOINT_URL_SNS || env.AWS_ENDPOINT_URL;
  const endpoint = new URL(given || `https://sns.${region}.${suffix}`);
  const { credentials, sha256 } = ssm.config;
  const signer = new SignatureV4({ service: "sns", region, credentials, sha256 });
  return async (Subject, Message) => {
    const body = new URLSearchParams({
      ...{ Action: "Publish", Version: VERSION, TopicArn: topic, Subject, Message },
    }).toString();
    const { headers } = await signer.sign({
      ...{ method: "POST", protocol: endpoint.protocol, hostname: endpoint.hostname, path: "/" },
      headers: { host: endpoint.host, "content-type": "application/x-www-form-urlencoded" },
      body,
    });
    const { host: _, ...sent } = headers;
    const signal = AbortSignal.timeout(callLimits.requestTimeout);
    const answer = await fetch(endpoint, { method: "POST", headers: sent, body, signal });
    const text = await answer.text();
    if (answer.ok) return;
    const said = /<Message>([^<]*)</.exec(text)?.[1] ?? `HTTP ${answer.status}`;
    throw new EverspotError(`SNS: ${said}`, { resource: topic });
  };
}
