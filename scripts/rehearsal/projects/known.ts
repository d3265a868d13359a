export interface Correction {
  file: string;
  find: RegExp;
  replace: string;
  /** By which `init` has to say that something is to be done. */
  words: string;
  /** What is done, for a person. */
  done: string;
}

/** In files of requirements, which differ from project to project. */
const binary = (file: string): Correction => ({
  file,
  find: /^psycopg2(?=\[|[=<>~!])/m,
  replace: "psycopg2-binary",
  words: "require psycopg2-binary instead",
  done: "psycopg2-binary instead of psycopg2",
});

/** Projects that no one here wrote, as they were when they were taken up. Their code is never part of this repository. */
export interface KnownProject {
  /** On GitHub: owner/name. */
  repository: string;
  /** What is checked out. */
  commit: string;
  /** What its own instructions have one run in the clone first, to build what git does not have. */
  build?: string;
  /** A file that this builds, which has to be named because .gitignore leaves it out of releases. */
  keep?: string;
  /** What `init` refuses it for and says how to correct, as it is then corrected. */
  corrections?: readonly Correction[];
  /** What the deploy brings, where a real change of the project is to be played. */
  next?: string;
  /** What its owner would know of the variables that it needs, made up here. Others get some text. */
  values?: Readonly<Record<string, string>>;
  /** What it does wrong by itself, wherever it runs: what a visitor finds of it, and why. */
  flaw?: { found: RegExp; why: string };
  /** It cannot run here, and is to be refused for a reason with these words. */
  refused?: RegExp;
}

export const known: readonly KnownProject[] = [
  {
    repository: "wagtail/bakerydemo",
    commit: "8e2b625",
  },
  {
    repository: "mblayman/homeschool",
    commit: "317cd0f",
    build: "npm --prefix frontend install && npm --prefix frontend run build",
    keep: "static/site.css",
    values: {
      SENTRY_DSN: "https://public@sentry.invalid/1",
      STRIPE_LIVE_SECRET_KEY: "sk_live_rehearsal",
      STRIPE_TEST_SECRET_KEY: "sk_test_rehearsal",
      STRIPE_LIVE_PUBLISHABLE_KEY: "pk_live_rehearsal",
      DJSTRIPE_WEBHOOK_SECRET: "whsec_rehearsal",
    },
  },
  {
    repository: "babybuddy/babybuddy",
    commit: "v2.9.1",
    next: "v2.10.0",
    flaw: {
      found: /^an unknown page answers 500$/,
      why: "an unknown page answers 500: its own 404 page is a template that Django refuses",
    },
  },
  { repository: "heroku/python-getting-started", commit: "f7c8d99" },
  {
    repository: "django-cms/django-cms-quickstart",
    commit: "aa65b1d",
    corrections: [binary("requirements.txt")],
  },
  {
    repository: "adamghill/alldjango.com",
    commit: "906d96f",
  },
  {
    repository: "HackSoftware/Django-Styleguide-Example",
    commit: "a70ef43",
    corrections: [binary("requirements/base.txt")],
  },
  { repository: "simonw/simonwillisonblog", commit: "3138a8b", refused: /postgres/i },
];

/** How to get the clones into a folder, as commands of a shell. */
export function howToClone(folder: string): string[] {
  return known.map(({ repository, commit, build }) => {
    const clone = `${folder}/${repository.split("/")[1]}`;
    const built = build === undefined ? "" : ` && (cd ${clone} && ${build})`;
    return `git clone https://github.com/${repository} ${clone} && git -C ${clone} checkout ${commit}${built}`;
  });
}

/** @param remote a clone's address of its origin. */
export const knownBy = (remote: string | undefined): KnownProject | undefined =>
  known.find(({ repository }) => remote?.replace(/(\.git)?\/?$/, "").endsWith(`github.com/${repository}`));
