/** [app]: what is run, and how it is served. */
import * as z from "zod/mini";
import { staticFiles } from "./static-files.ts";
import { notes, printable, text } from "./text.ts";
import { complainAboutHealth } from "./urls.ts";

const wsgi = text((value) => {
  if (/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$/.test(value)) return undefined;
  const module = value.replace(/[./]py$|[.:]application$/, "").replaceAll("/", ".");
  const known = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(module);
  return {
    message: "must be module:callable",
    hint: known ? `did you mean "${module}:application"?` : 'like "mysite.wsgi:application"',
  };
});

/** For a shell. */
const command = text(printable, (value) =>
  value.trim() === "" ? { message: "must be a command", hint: "leave it out" } : undefined,
);

export const secretName = text((name) =>
  /^(?!EVERSPOT_|PYTHONPATH$|STATE_DIRECTORY$|RUNTIME_DIRECTORY$|PATH$|HOME$)[A-Za-z_][A-Za-z0-9_]*$/.test(
    name,
  )
    ? undefined
    : { message: "not usable as the name of a secret" },
);

const variable = text((name) => {
  if (!/^[A-Za-z_]\w*$/.test(name)) return { message: "not usable as the name of an environment variable" };
  if (!name.startsWith("EVERSPOT_")) return undefined;
  return { message: "names that begin with EVERSPOT_ are everspot's own", hint: "give it another name" };
});

export const app = {
  wsgi: wsgi.register(notes, {
    description: "The WSGI application, written as for gunicorn: module:callable.",
    examples: ["guestbook.wsgi:application"],
    missing: 'where the WSGI application is: wsgi = "mysite.wsgi:application"',
  }),
  workers: z._default(z.int().check(z.minimum(1), z.maximum(64)), 2).register(notes, {
    description:
      "gunicorn worker processes. Each holds the whole app in memory; two fit the smallest instances.",
    examples: [2],
  }),
  health: z._default(text(complainAboutHealth), "/").register(notes, {
    description:
      "A path that answers 200 when the app is well. It decides whether a new instance takes over and whether the app is restarted, so let it query the database.",
    examples: ["/healthz"],
  }),
  timeout: z._default(z.int().check(z.minimum(1), z.maximum(3600)), 30).register(notes, {
    description:
      "Seconds one request may take, and the app may need until it answers its first health check.",
    examples: [30],
  }),
  hsts: z._default(z.int().check(z.minimum(0), z.maximum(63_072_000)), 0).register(notes, {
    description:
      "Seconds for which browsers that have visited refuse plain HTTP (Strict-Transport-Security). 0 sends no such header.",
    examples: [31_536_000],
  }),
  max_body: z._default(z.int().check(z.minimum(1), z.maximum(2048)), 32).register(notes, {
    description:
      "Megabytes that one request may carry, such as an upload; more is answered with 413. They wait on the instance's disk until the app takes them.",
    examples: [32],
  }),
  strict: z._default(z.boolean(), false).register(notes, {
    description:
      "Whether a new release is refused when a look at it before any visitor finds its front page broken, stylesheets or scripts missing, DEBUG on, or a SECRET_KEY that is public or differs from worker to worker. Otherwise these are warnings.",
    examples: [true],
  }),
  static: z.optional(z.strictObject(staticFiles)).register(notes, {
    description:
      "A folder of the project that nginx serves without asking the app, and the URL below which it does.",
    examples: [{ url: "/static/", folder: "staticfiles" }],
    otherwise: "none",
  }),
  before_start: z
    ._default(z.array(z.union([command, z.array(command).check(z.minLength(1))])), [])
    .register(notes, {
      description:
        "Commands run in the release, as the app's user, each time before it starts: one after the other; those in a list of their own run side by side, which suits commands that do not need each other's results.",
      examples: [["python3 manage.py migrate --noinput", "python3 manage.py collectstatic --noinput"]],
    }),
  env: z._default(z.record(variable, text(printable)), {}).register(notes, {
    description:
      "The app's environment. $STATE_DIRECTORY in a value is the one folder on the instance in which the app may write; it goes with the instance. Not for secrets: those are kept in SSM Parameter Store, where `everspot secret set NAME` puts them.",
    examples: [
      {
        DJANGO_SETTINGS_MODULE: "guestbook.settings",
        DATABASE_URL: "sqlite:///$STATE_DIRECTORY/db.sqlite3",
      },
    ],
  }),
};
