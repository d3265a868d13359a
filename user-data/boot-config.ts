/**
 * What `everspot up` bakes into the launch template for bootstrap.sh and the agent: facts of the site that do
 * not change between releases. JSON, no secrets (user data can be read by anyone who may describe the template).
 */
import * as z from "zod/mini";

export const bootConfig = z.strictObject({
  version: z.literal(1),
  site: z.string(),
  region: z.string(),
  account: z.string(),
  bucket: z.string(),
  /** SHA-256 (hex) of the tar inside `agent/<sha256>.tar.br`: compressors differ between computers. */
  agent: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  domain: z.string(),
  aliases: z.array(z.string()),
  /** Route 53 hosted zone id, without "/hostedzone/". */
  zone: z.string(),
  app: z.strictObject({
    /** "package.module:callable", as gunicorn takes it. */
    wsgi: z.string(),
    workers: z.int().check(z.positive()),
    /** Path that must answer 200 over the app's socket, e.g. "/healthz". */
    health: z.string().check(z.startsWith("/")),
    /** Folder of the release that nginx serves at a URL prefix. */
    static: z.optional(z.strictObject({ url: z.string(), folder: z.string() })),
    /**
     * Commands run in the release as the app's user before it starts, e.g. "python3 manage.py migrate"; those in a list
     * of their own run side by side.
     */
    beforeStart: z.array(z.union([z.string(), z.array(z.string())])),
    env: z.record(z.string(), z.string()),
    /** Seconds gunicorn gives one request, and the app to answer its first health check. */
    timeout: z.int().check(z.positive()),
  }),
  image: z.strictObject({ os: z.enum(["debian-12", "debian-13"]), packages: z.array(z.string()) }),
  certificate: z.strictObject({
    source: z.enum(["letsencrypt", "acm"]),
    email: z.optional(z.string()),
    /** ACME directory URL. */
    directory: z.url(),
    /** A second ACME directory, asked when the first cannot serve; has a ledger of its own. */
    fallbackDirectory: z.optional(z.url()),
    /** KMS key for stored certificates; the bucket's default encryption otherwise. */
    kmsKey: z.optional(z.string()),
    /** ACM certificate to export (source = acm). */
    arn: z.optional(z.string()),
    mirrorToAcm: z.boolean(),
    /** Whether the certificate is for every name one label below the domain too. */
    wildcard: z.optional(z.boolean()),
  }),
  dns: z.strictObject({
    /** Seconds. */
    ttl: z.int().check(z.positive()),
    /** Seconds an old instance forwards after it was replaced. */
    drain: z.int().check(z.nonnegative()),
  }),
  /** Whether an on-demand instance may bridge when AWS takes this one and has no spot capacity. */
  bridge: z.optional(z.boolean()),
  /** Webhook that is told of what a person should know at once. */
  notify: z.optional(z.strictObject({ url: z.url() })),
  /** Seconds of Strict-Transport-Security; 0 sends none. */
  hsts: z.int().check(z.nonnegative()),
});
export type BootConfig = z.infer<typeof bootConfig>;
