import { SignatureV4 } from "@smithy/signature-v4";
import type { Mail } from "../notify/notify.ts";
import { callLimits } from "../site/call-limits.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { ask, succeeded } from "../system/ask.ts";
import type { Clients } from "./clients.ts";

const VERSION = "2010-03-31";

/**
 * Mails whoever has agreed to it, by a topic of Amazon SNS. Its one call is made by hand (SNS API Reference, Publish): the
 * SDK's client would add 6 KB to the agent.
 * @param ssm whose credentials and hash are used. @param topic its ARN. @param env AWS_ENDPOINT_URL_SNS and
 * AWS_ENDPOINT_URL count, as with the SDK.
 */
export function createMail({ ssm }: Pick<Clients, "ssm">, topic: string, env: NodeJS.ProcessEnv): Mail {
  const region = topic.split(":")[3] ?? "";
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const given = env.AWS_ENDPOINT_URL_SNS || env.AWS_ENDPOINT_URL;
  const endpoint = new URL(given || `https://sns.${region}.${suffix}`);
  const { credentials, sha256 } = ssm.config;
  const signer = new SignatureV4({ service: "sns", region, credentials, sha256 });
  const failure = (said: string, retry: "retry" | "fatal", cause?: unknown) =>
    new EverspotError(`SNS: ${said}`, { resource: topic, retry, cause });
  return async (Subject, Message) => {
    const call = { Action: "Publish", Version: VERSION, TopicArn: topic, Subject, Message };
    const body = new URLSearchParams(call).toString();
    const { headers } = await signer.sign({
      ...{ method: "POST", protocol: endpoint.protocol, hostname: endpoint.hostname, path: "/" },
      headers: { host: endpoint.host, "content-type": "application/x-www-form-urlencoded" },
      body,
    });
    const milliseconds = callLimits.requestTimeout;
    const answer = await ask(endpoint, { method: "POST", headers, body, milliseconds }).catch((cause) => {
      throw failure(messageOf(cause), "retry", cause);
    });
    if (succeeded(answer)) return;
    const { status, text } = answer;
    const said = /<Message>([^<]*)</.exec(text)?.[1] ?? `HTTP ${status}`;
    throw failure(said, status >= 500 || /Throttl/.test(text) ? "retry" : "fatal");
  };
}
