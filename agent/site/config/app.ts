/** [app]: what is run, and how it is served. */
import * as z from "zod/mini";
import { complainAboutDomain } from "./domain.ts";
import { appPath, type PathLimits, pathLimits } from "./paths.ts";
import { type StaticFiles, staticFiles } from "./static-files.ts";
import { command, notes, printable, text } from "./text.ts";
import { complainAboutHealth } from "./urls.ts";

const application = text((value) => {
  if (/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$/.test(value)) return undefined;
  const module = value.replace(/[./]py$|[.:]application$/, "").replaceAll("/", ".");
  const known = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(module);
  return {
    message: "must be module:callable",
    hint: known ? `did you mean "${module}:application"?` : 'like "mysite.wsgi:application"',
  };
});

/** Folders of static files, and paths with limits of their own: each is in nginx's configuration several times. */
const MOST_FOLDERS = 8;
const MOST_PATHS = 16;

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

/** The name of a header, and its value: nginx has no way to write a $ in one. */
const headerName = text((name) => {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/.test(name))
    return { message: "not usable as the name of a header", hint: 'like "X-Frame-Options"' };
  return /^(?:connection|content-(?:length|type|encoding)|date|location|server|set-cookie|transfer-encoding|upgrade)$/i.test(
    name,
  )
    ? { message: "differs from answer to answer", hint: "only what is the same for all can stand here" }
    : undefined;
});
const headerValue = text((value) =>
  /^[ -#%-~]{1,1000}$/.test(value) && value.trim() === value
    ? undefined
    : {
        message: "must be one line of printable ASCII without $, of at most 1000 characters",
        hint: 'like "DENY"',
      },
);

const staticFolder = z.strictObject(staticFiles);

export const app = {
  wsgi: z.optional(application).register(notes, {
    description:
      "The WSGI application, written as for gunicorn: module:callable. Either this or asgi is required.",
    examples: ["guestbook.wsgi:application"],
    otherwise: "asgi says it",
  }),
  asgi: z.optional(application).register(notes, {
    description:
      "The ASGI application, for a site with WebSockets or Server-Sent Events; instead of wsgi. The release's own uvicorn runs it, under gunicorn; Debian's where it brings none.",
    examples: ["guestbook.asgi:application"],
    aside: true,
    otherwise: "wsgi says it",
  }),
  workers: z._default(z.int().check(z.minimum(1), z.maximum(64)), 2).register(notes, {
    description:
      "gunicorn worker processes. Each holds the whole app in memory; two fit the smallest instances.",
    examples: [2],
  }),
  threads: z.optional(z.int().check(z.minimum(1), z.maximum(64))).register(notes, {
    description:
      "Threads of each worker: how many requests it answers at once, which helps where they wait for something else than the processor, such as another site. gunicorn ends a request that takes longer than timeout only where this is 1. Of no effect with asgi.",
    examples: [4],
    otherwise: '1; with [state] durability = "s3", whose answers wait for S3, it is 4',
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
  paths: z
    ._default(
      z.record(text(appPath), z.strictObject(pathLimits)).check(
        z.refine((paths) => Object.keys(paths).length <= MOST_PATHS, {
          error: `must have at most ${MOST_PATHS} entries`,
        }),
      ),
      {},
    )
    .register(notes, {
      description:
        "Other limits below a path of the site: max_body and timeout, as above. Of several that fit, the longest counts.",
      examples: [{ "/upload/": { max_body: 500, timeout: 300 } }],
    }),
  headers: z._default(z.record(headerName, headerValue), {}).register(notes, {
    description:
      "Headers that every answer over HTTPS carries, whoever gives it: the app, whose own of the same name they replace, a static file, an error, a redirect.",
    examples: [{ "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin" }],
  }),
  redirect_to: z.optional(text(complainAboutDomain)).register(notes, {
    description:
      "The one name that visitors are to see: the domain or one of the aliases. Whoever asks for another one of them is sent there for good (301).",
    examples: ["guestbook.example.com"],
    otherwise: "the site answers to each of its names",
  }),
  static: z
    .optional(
      z.pipe(
        z.union([staticFolder, z.array(staticFolder).check(z.minLength(1), z.maxLength(MOST_FOLDERS))]),
        z.transform((value: StaticFiles | StaticFiles[]) => (Array.isArray(value) ? value : [value])),
      ),
    )
    .register(notes, {
      description:
        "A folder of the project that nginx serves without asking the app, and the URL below which it does; several as a list.",
      examples: [{ url: "/static/", folder: "staticfiles" }],
      otherwise: "none",
    }),
  before_start: z
    ._default(z.array(z.union([command(), z.array(command()).check(z.minLength(1))])), [])
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

interface Applications {
  wsgi?: string | undefined;
  asgi?: string | undefined;
}

/** What is run, "module:callable": one of both is there, which provisioner/config/rules.ts sees to. */
export const applicationOf = ({ wsgi, asgi }: Applications): string => asgi ?? wsgi ?? "";

/** Seconds that any request may take. */
export const longestTimeout = (app: {
  timeout: number;
  paths: Readonly<Record<string, PathLimits>>;
}): number => Math.max(app.timeout, ...Object.values(app.paths).map((limits) => limits.timeout ?? 0));
