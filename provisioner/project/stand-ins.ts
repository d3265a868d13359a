/** Values for variables that a project insists on, so that it can be started to be asked. Pure. */
import { createHash } from "node:crypto";

/** Long enough for a key, and the same each time. */
const word = (name: string): string => createHash("sha256").update(`stand-in of ${name}`).digest("hex");

const kinds: readonly [RegExp, (name: string, state: string) => string][] = [
  [
    /^(?!.*(REDIS|CACHE|BROKER|EMAIL|AMQP)).*(DATABASE|DB)_?(URL|URI|DSN)$/,
    (_, state) => `sqlite:///${state}/stand-in.sqlite3`,
  ],
  [/(REDIS|BROKER|CELERY|RESULT_BACKEND|CACHE).*(URL|URI)?$/, () => "redis://localhost:6379/0"],
  [/SENTRY.*DSN/, () => "https://0123456789abcdef@example.com/1"],
  [/(SECRET|PASSWORD|PASSWD|SALT|TOKEN|(^|_)KEY)/, word],
  [/(URL|URI|ORIGIN|ENDPOINT|DSN)S?$/, () => "https://example.com/"],
  [/(EMAIL|FROM|ADMIN)$/, () => "someone@example.com"],
  [/(PORT|TIMEOUT|SECONDS|AGE|COUNT|LIMIT|SIZE|NUMBER|_ID|TTL|WORKERS)$/, () => "1"],
  [/(DEBUG|^USE_|^IS_|ENABLED?$|_TLS$|_SSL$|_MODE$)/, () => "False"],
  [/(HOSTS?|DOMAINS?)$/, () => "example.com"],
  [/(DIR|PATH|ROOT|FOLDER|FILE)$/, (_, state) => state],
];

/** What may do for a variable of this name, the likeliest first. @param state a folder that may be written in. */
export function standInsFor(name: string, state: string): string[] {
  const upper = name.toUpperCase();
  const likely = kinds.find(([form]) => form.test(upper))?.[1](name, state);
  const others = [
    word(name),
    "1",
    "False",
    "https://example.com/",
    Buffer.alloc(32, 7).toString("base64url"),
    "{}",
  ];
  return [...new Set([...(likely === undefined ? [] : [likely]), ...others])];
}

/** Whether its value should be known to few. */
export const isSecretName = (name: string): boolean =>
  /(SECRET|PASSW|TOKEN|SALT|CREDENTIAL|PRIVATE|DSN|(^|_)KEY(_ID)?$|_KEY$|DATABASE_URL|_URL$)/.test(
    name.toUpperCase(),
  ) && !/PUBLIC/.test(name.toUpperCase());
