/**
 * The certificate part of an agent as a process of its own, to be killed for real.
 * Arguments: what to do, the moment to die at ("before 3", "after 3": at the third write to the bucket; "before order",
 * "after order"; "in order 700": 700 ms after the CA's client was started; "never"), the context as JSON.
 */
import { S3Client } from "@aws-sdk/client-s3";
import type { Authority } from "../../../agent/certificate/authority.ts";
import { certbot } from "../../../agent/certificate/certbot.ts";
import type { CertificateContext } from "../../../agent/certificate/context.ts";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";

/** `life`: boots, then looks once whether to renew, as the owner does. */
export type Action = "ensure" | "renew" | "life";

export interface InstanceInput {
  bucket: string;
  endpoint: string;
  shift: number;
  certbot: { folder: string; hook: string[] };
  context: Pick<CertificateContext, "config" | "instance" | "process" | "folder">;
}

const [action, moment, json] = process.argv.slice(2);
const input: InstanceInput = JSON.parse(json ?? "");
const clock = { ...systemClock, now: () => Date.now() + input.shift };
const s3 = new S3Client({ endpoint: input.endpoint, forcePathStyle: true });

let writes = 0;
const dieAt = (where: string): void => {
  if (where === moment) process.kill(process.pid, "SIGKILL");
};
const store: ObjectStore = createS3Store(s3, input.bucket);
const mortal: ObjectStore = {
  ...store,
  put: async (...args) => {
    writes++;
    dieAt(`before ${writes}`);
    const result = await store.put(...args);
    dieAt(`after ${writes}`);
    return result;
  },
};
/** certbot and its hooks live in the same time as the bucket and the CA. Not by `faketime`, which stays their parent. */
const command = [
  "env",
  "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1",
  `FAKETIME=+${Math.round(input.shift / 1000)}`,
  "certbot",
];
const acme = certbot({ ...input.certbot, clock, command });
const authority: Authority = {
  ...acme,
  order: async (order) => {
    dieAt("before order");
    const [, ms] = /^in order (\d+)$/.exec(moment ?? "") ?? [];
    if (ms !== undefined) setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(ms));
    const result = await acme.order(order);
    dieAt("after order");
    return result;
  },
};
const quiet = () => undefined;
const context: CertificateContext = {
  ...input.context,
  store: mortal,
  clock,
  logger: { info: quiet, warn: quiet },
  authority,
};
const booted = action === "renew" ? undefined : await ensureCertificate(context);
const renewed = action === "ensure" ? undefined : await renewIfDue(context);
const served = renewed ?? booted;
process.stdout.write(JSON.stringify({ source: served?.source, serial: served?.serial, writes }));
s3.destroy();
