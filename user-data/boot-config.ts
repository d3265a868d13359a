/**
 * What `everspot up` bakes into the launch template for bootstrap.sh and the agent: facts of the site that do
 * not change between releases. JSON, no secrets (user data can be read by anyone who may describe the template).
 * The keys of everspot.toml keep their names and places; those that no instance needs are left out, for a change
 * of the user data costs a new instance.
 */
import * as z from "zod/mini";
import { app } from "../agent/site/config/app.ts";
import { camelKeys } from "../agent/site/config/camel.ts";
import { certificate } from "../agent/site/config/certificate.ts";
import { fleet } from "../agent/site/config/fleet.ts";
import { schedule, worker } from "../agent/site/config/jobs.ts";
import { logs } from "../agent/site/config/logs.ts";
import { dns, image, names, notifyUrl } from "../agent/site/config/site.ts";
import { state } from "../agent/site/config/state.ts";

const { bridge, credits } = fleet;

export const bootConfig = z.strictObject({
  version: z.literal(2),
  account: z.string(),
  bucket: z.string(),
  /** SHA-256 (hex) of the tar in `agent/<sha256>.tar`, which is kept compressed: compressors differ between computers. */
  agent: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** Route 53 hosted zone id, without "/hostedzone/". */
  zone: z.string(),
  ...names,
  app: z.strictObject(camelKeys(app)),
  fleet: z.strictObject({ bridge, credits }),
  image: z.strictObject(camelKeys(image)),
  certificate: z.strictObject(camelKeys(certificate)),
  dns: z.strictObject(camelKeys(dns)),
  logs: z.prefault(z.strictObject(camelKeys(logs)), {}),
  state: z.optional(z.strictObject(camelKeys(state))),
  /** `topic`: the ARN of the SNS topic that mails. */
  notify: z.optional(z.strictObject({ url: notifyUrl, topic: z.optional(z.string()) })),
  schedule: z.optional(z.record(z.string(), z.strictObject(camelKeys(schedule)))),
  worker: z.optional(z.record(z.string(), z.strictObject(camelKeys(worker)))),
});
export type BootConfig = z.output<typeof bootConfig>;
