/** The form of everspot.toml (DESIGN §5). The example, the docs of keys and the JSON schema are made from it. */
import * as z from "zod/mini";
import { app, secretName } from "../../agent/site/config/app.ts";
import { table } from "../../agent/site/config/camel.ts";
import { certificate } from "../../agent/site/config/certificate.ts";
import { fleetTable } from "../../agent/site/config/fleet.ts";
import { jobName, schedule, worker } from "../../agent/site/config/jobs.ts";
import { logs } from "../../agent/site/config/logs.ts";
import { budget, dns, image, names, notify, OLD_IMAGE_DAYS } from "../../agent/site/config/site.ts";
import { state } from "../../agent/site/config/state.ts";
import { plainFolder } from "../../agent/site/config/static-files.ts";
import { matching, notes, obeys, oneLine, printable, text } from "../../agent/site/config/text.ts";

/** An instance knows nothing of where in the project's folder its app was. */
const own = {
  root: z
    ._default(
      z.string().check(
        z.overwrite(plainFolder),
        obeys(printable, (folder) =>
          folder.startsWith("/") || folder.includes("\\") || folder.split("/").includes("..")
            ? { message: "must be a folder below that of everspot.toml", hint: 'like "backend"' }
            : undefined,
        ),
      ),
      "",
    )
    .register(notes, {
      description:
        "The folder with the app (its manage.py), below the folder of everspot.toml: what a release is made of.",
      examples: ["backend"],
      aside: true,
      otherwise: "the folder of everspot.toml",
    }),
  random_secrets: z._default(z.array(secretName), []).register(notes, {
    description:
      "Secrets that `everspot up` makes, of 64 random characters, where they are not set yet. The app finds them in its environment.",
    examples: [["SECRET_KEY"]],
  }),
};

const silence = z
  ._default(z.array(matching(/^[a-z]+\.W\d+$/, "not the id of a warning", 'like "project.W003"')), [])
  .register(notes, {
    description:
      "Warnings of `everspot plan` and `everspot init` that are not to be shown again, by their ids.",
    examples: [["project.W003"]],
  });

/** No instance needs it. */
const refresh = {
  refresh: z
    ._default(
      matching(/^(?:[1-9]\d{0,3}d|never)$/, "not an age", 'in days like "30d", or "never"'),
      `${OLD_IMAGE_DAYS}d`,
    )
    .register(notes, {
      description:
        'How old Debian\'s image may be, and with it the kernel, before a deploy takes the newest along: like any other change, it goes back if the new instance does not serve. "never" leaves it at `everspot deploy --refresh-image`.',
      examples: ["30d"],
    }),
};

const release = {
  allow: z._default(z.array(text(printable, oneLine)), []).register(notes, {
    description:
      "Files that look like secrets (.env, private keys, databases with data) but may go into a release; patterns as in .gitignore.",
    examples: [["fixtures/demo.sqlite3"]],
  }),
  without: z
    ._default(
      z.array(
        matching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/, "not the name of a package", 'like "uwsgi"'),
      ),
      [],
    )
    .register(notes, {
      description:
        "Python packages that are left out of a release, whatever requires them: those that a site does not need and that have no wheel.",
      examples: [["uwsgi"]],
    }),
};

export const siteFile = z.strictObject({
  ...names,
  silence,
  app: table({ ...app, ...own }).register(notes, {
    description: "What runs, and how it is served.",
    missing: '[app] needs at least wsgi = "mysite.wsgi:application"',
  }),
  fleet: z.prefault(fleetTable, {}).register(notes, { description: "Which instances AWS may give." }),
  image: z
    .prefault(table({ ...image, ...refresh }), {})
    .register(notes, { description: "What the instances start from." }),
  certificate: z.prefault(table(certificate), {}).register(notes, {
    description: "Who issues the certificate, and what is kept of it.",
  }),
  dns: z.prefault(table(dns), {}).register(notes, { description: "How the site's address moves." }),
  logs: z.prefault(table(logs), {}).register(notes, {
    description:
      "What the site says is kept in CloudWatch Logs for 30 days, and outlives its instance: see `everspot logs`.",
  }),
  state: z.optional(table(state)).register(notes, {
    description:
      "What the site writes and must keep: a small SQLite database, and uploads. They are kept in the site's bucket, and every new instance brings them back.",
    otherwise: "what the site writes goes with its instance",
  }),
  release: z.prefault(table(release), {}).register(notes, { description: "What goes into a release." }),
  schedule: z._default(z.record(jobName, table(schedule)), {}).register(notes, {
    description:
      "A job that runs at set times, on the instance that has the site: never twice, and never two of one name at once, even while the site passes from one instance to the next.",
    named: "nightly",
  }),
  worker: z._default(z.record(jobName, table(worker)), {}).register(notes, {
    description:
      "A command that runs beside the app all the time, on the instance that has the site: it ends before the site passes to another instance, and begins there once that has it.",
    named: "queue",
  }),
  notify: z.optional(table(notify)).register(notes, {
    description:
      "Where a notice goes at once, by webhook, by mail or both: the site was healed; a boot failed; the budget of replacements is spent; the certificate is in trouble; what the site writes does not come into its bucket; many answers are errors; the disk is full; a process was killed for lack of memory; a job failed. What lasts is reported once, and again when it is over. Slack's incoming webhooks work. With a secret EVERSPOT_NOTIFY_SECRET each request to the webhook is signed. `everspot notify test` tries it.",
    otherwise: "no notice is sent",
  }),
  budget: z.optional(table(budget)).register(notes, {
    description: "A budget of AWS Budgets, which costs nothing.",
    otherwise: "there is none",
  }),
});

export const stageName = /^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$/;
