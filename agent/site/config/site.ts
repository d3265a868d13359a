/** What a site is called, and the small tables that both sides know. */
import * as z from "zod/mini";
import { complainAboutDomain } from "./domain.ts";
import { matching, notes, text } from "./text.ts";
import { httpsUrl } from "./urls.ts";

const domain = () => text(complainAboutDomain);

export const names = {
  site: matching(
    /^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$/,
    "must be lower-case letters, digits and single hyphens, beginning with a letter",
  ).register(notes, {
    description: "A short name. Everything in AWS is named everspot-<site> and tagged everspot:site=<site>.",
    examples: ["guestbook"],
    missing: 'a short name for the site: site = "guestbook"',
  }),
  region: matching(/^[a-z]{2,}(-[a-z]+)+-\d+$/, "not an AWS region", 'like "us-east-1"').register(notes, {
    description: "The AWS region it runs in.",
    examples: ["us-east-1"],
    missing: 'the AWS region it runs in: region = "us-east-1"',
  }),
  domain: domain().register(notes, {
    description:
      "The site's name in DNS. A public Route 53 hosted zone for it, or for a domain above it, must be in the account.",
    examples: ["guestbook.example.com"],
    missing: 'its name in DNS: domain = "guestbook.example.com"',
  }),
  aliases: z._default(z.array(domain()).check(z.maxLength(20)), []).register(notes, {
    description: "Further names in the same zone that the site answers to.",
    examples: [["www.guestbook.example.com"]],
  }),
};

/** apt would remove a package whose name is followed by a hyphen. */
const packageName = matching(/^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$/, "not the name of a Debian package");

/**
 * Days from which a person is warned that the Debian image a machine began with is old: it is as old as its
 * kernel. Debian publishes one every few weeks, and whenever a kernel has to be mended.
 */
export const OLD_IMAGE_DAYS = 30;

export const image = {
  os: z._default(z.enum(["debian-13", "debian-12"]), "debian-13").register(notes, {
    description:
      "The Debian the instances run, whose Python runs the app: 3.13 on debian-13, 3.11 on debian-12.",
    examples: ["debian-13"],
  }),
  packages: z._default(z.array(packageName).check(z.maxLength(200)), []).register(notes, {
    description:
      "Debian packages the app needs. The first instance keeps them in the bucket for those that follow.",
    examples: [["python3-django", "gunicorn"]],
  }),
};

export const dns = {
  ttl: z._default(z.int().check(z.minimum(5), z.maximum(86_400)), 60).register(notes, {
    description:
      "Seconds resolvers may keep the site's address. The fewer, the sooner visitors find a replacement.",
    examples: [60],
  }),
  drain: z._default(z.int().check(z.minimum(0), z.maximum(3600)), 90).register(notes, {
    description:
      "Seconds a replaced instance goes on forwarding to the new one, for resolvers that keep the old address too long.",
    examples: [90],
  }),
};

const EMAIL = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}$/;
export const email = () => matching(EMAIL, "not an e-mail address", 'like "ann@example.com"');

/** What an instance gets of it: the topic that AWS mails from, and no address. */
export const notifyUrl = z.optional(text(httpsUrl)).register(notes, {
  description: "Where events are sent, as JSON by POST.",
  examples: ["https://hooks.slack.com/services/T000/B000/XXXX"],
  otherwise: "nothing is posted",
});

export const notify = {
  url: notifyUrl,
  email: z.optional(email()).register(notes, {
    description:
      "Where events are mailed, by Amazon SNS. AWS asks whoever has the address first, with a link in a mail; until it is followed nothing comes, and `everspot status` says so.",
    examples: ["ann@example.com"],
    otherwise: "nothing is mailed",
  }),
};

export const budget = {
  monthly: z
    .number()
    .check(z.minimum(1), z.maximum(1_000_000))
    .register(notes, {
      description:
        "USD a month. AWS mails when the account has spent 80 % and 100 % of it, and when it expects more than that by the end of the month. It counts the whole account, for AWS breaks costs down by tag only where that is switched on in its billing console; its figures are 8 to 12 h old, and nothing is stopped.",
      examples: [10],
      missing: "how much a month may cost, in USD: monthly = 10",
    }),
  email: z.optional(email()).register(notes, {
    description: "Where AWS mails that.",
    examples: ["ann@example.com"],
    aside: true,
    otherwise: "the email of [notify]",
  }),
};
