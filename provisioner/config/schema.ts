/** The form of everspot.toml (DESIGN §5). Every key is explained in provisioner/everspot.example.toml. */
import { z } from "zod";
import { type Complaint, complainAboutDomain } from "./domain.ts";

/** A string with rules of our own; a complaint's hint travels in the issue's `params`. */
function text(complain: (value: string) => Complaint | undefined) {
  return z.string().superRefine((value, context) => {
    const complaint = complain(value);
    if (complaint !== undefined) {
      context.addIssue({ code: "custom", message: complaint.message, params: { hint: complaint.hint } });
    }
  });
}

const matching = (form: RegExp, message: string, hint?: string) =>
  text((value) => (form.test(value) ? undefined : { message, ...(hint === undefined ? {} : { hint }) }));

const domain = text(complainAboutDomain);

const httpsUrl = text((value) =>
  URL.canParse(value) && new URL(value).protocol === "https:"
    ? undefined
    : { message: "not an https:// URL" },
);

const oneLine = matching(/^[^\r\n]+$/, "must be one line of text");

const staticFiles = z.strictObject({
  url: matching(
    /^\/(?:[\w.~-]+\/)+$/,
    "must begin and end with a slash",
    'as Django\'s STATIC_URL: "/static/"',
  ),
  folder: text((value) =>
    /^[^/\r\n][^\r\n]*$/.test(value) && !value.split("/").includes("..")
      ? undefined
      : { message: "must be a folder inside the project", hint: 'as the end of STATIC_ROOT: "staticfiles"' },
  ),
});

const app = z.strictObject({
  wsgi: text((value) => {
    if (/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$/.test(value)) return undefined;
    const module = value.replace(/[./]py$|[.:]application$/, "").replaceAll("/", ".");
    const known = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(module);
    return {
      message: "must be module:callable",
      hint: known ? `did you mean "${module}:application"?` : 'like "mysite.wsgi:application"',
    };
  }),
  workers: z.int().min(1).max(64).default(2),
  health: matching(/^\/[^\s]*$/, "must be a path beginning with a slash", 'like "/healthz"').default("/"),
  timeout: z.int().min(1).max(3600).default(30),
  hsts: z.int().min(0).max(63_072_000).default(0),
  static: staticFiles.optional(),
  before_start: z.array(z.union([oneLine, z.array(oneLine).min(1)])).default([]),
  env: z.record(z.string(), z.string()).default({}),
});

const fleet = z.strictObject({
  arch: z.enum(["x86_64", "arm64"]).optional(),
  types: z
    .array(matching(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, "not an instance type", 'like "t3.micro"'))
    .min(1)
    .max(30)
    .optional(),
  max_price: z.number().positive().max(100).optional(),
  bridge: z.boolean().default(false),
  disk: z.int().min(8).max(1024).default(8),
});

const image = z.strictObject({
  os: z.enum(["debian-13", "debian-12"]).default("debian-13"),
  packages: z
    .array(matching(/^[a-z0-9][a-z0-9+.-]+$/, "not the name of a Debian package"))
    .max(200)
    .default([]),
});

const certificate = z.strictObject({
  source: z.enum(["letsencrypt", "acm"]).default("letsencrypt"),
  email: matching(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, "not an e-mail address").optional(),
  directory: httpsUrl.default("https://acme-v02.api.letsencrypt.org/directory"),
  fallback_directory: httpsUrl.optional(),
  kms_key: matching(
    /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/,
    "not the ARN of a KMS key",
  ).optional(),
  arn: matching(
    /^arn:aws[\w-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/,
    "not the ARN of an ACM certificate",
  ).optional(),
  mirror_to_acm: z.boolean().default(false),
  wildcard: z.boolean().default(false),
});

const dns = z.strictObject({
  ttl: z.int().min(5).max(86_400).default(60),
  drain: z.int().min(0).max(3600).default(90),
});

const release = z.strictObject({ allow: z.array(oneLine).default([]) });

export const siteFile = z.strictObject({
  site: matching(
    /^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$/,
    "must be lower-case letters, digits and single hyphens, beginning with a letter",
  ),
  region: matching(/^[a-z]{2,}(-[a-z]+)+-\d+$/, "not an AWS region", 'like "us-east-1"'),
  domain,
  aliases: z.array(domain).max(20).default([]),
  app,
  fleet: fleet.prefault({}),
  image: image.prefault({}),
  certificate: certificate.prefault({}),
  dns: dns.prefault({}),
  notify: z.strictObject({ url: httpsUrl }).optional(),
  release: release.prefault({}),
});
export type SiteFile = z.infer<typeof siteFile>;

export const stageName = /^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$/;
