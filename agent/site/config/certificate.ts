/** [certificate]: who issues it, and what is kept of it. */
import * as z from "zod/mini";
import { matching, notes, text } from "./text.ts";
import { directoryUrl } from "./urls.ts";

/** As far as certificate authorities take them: ASCII, and nothing that an option of certbot could be. */
const email = matching(
  /^[A-Za-z0-9_][\w!#$%&'*+/=?^`{|}~-]*(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$/,
  "not an e-mail address",
);

export const certificate = {
  source: z._default(z.enum(["letsencrypt", "acm"]), "letsencrypt").register(notes, {
    description: "letsencrypt (any ACME directory), or acm for an exportable ACM certificate.",
    examples: ["letsencrypt"],
  }),
  email: z.optional(email).register(notes, {
    description: "An address for the certificate authority, in case the account has to be recovered.",
    examples: ["owner@example.com"],
    otherwise: "none",
  }),
  directory: z
    ._default(text(directoryUrl), "https://acme-v02.api.letsencrypt.org/directory")
    .register(notes, {
      description: "The ACME directory certificates are ordered from.",
      examples: ["https://acme-v02.api.letsencrypt.org/directory"],
      otherwise: "Let's Encrypt",
    }),
  fallback_directory: z.optional(text(directoryUrl)).register(notes, {
    description: "A second ACME directory, asked when the first cannot serve.",
    examples: ["https://acme.example.net/directory"],
    otherwise: "none",
  }),
  kms_key: z
    .optional(matching(/^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, "not the ARN of a KMS key"))
    .register(notes, {
      description: "A KMS key that encrypts stored certificates.",
      examples: ["arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
      otherwise: "the bucket's own encryption",
    }),
  wildcard: z._default(z.boolean(), false).register(notes, {
    description:
      "Whether the certificate also covers every name one label below the domain, so that such aliases can be added without a new one.",
    examples: [false],
  }),
  mirror_to_acm: z._default(z.boolean(), false).register(notes, {
    description: "Whether to import each certificate into ACM too, always under the same ARN.",
    examples: [false],
  }),
  arn: z
    .optional(
      matching(
        /^arn:aws[\w-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/,
        "not the ARN of an ACM certificate",
      ),
    )
    .register(notes, {
      description: 'Only with source = "acm": the ARN of the certificate to export.',
      examples: ["arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"],
      aside: true,
      otherwise:
        "`everspot up` requests one for the site's names; `plan` shows its price, and `everspot down` deletes it",
    }),
};
