/** What is known of a project's settings, whether it was asked or read. */
import * as z from "zod/mini";

const maybe = z.nullish(z.string());

export const factsSchema = z.object({
  /** Version. */
  django: maybe,
  /** Where it is installed. */
  djangoAt: maybe,
  /** The settings module; null where the settings have none. */
  module: maybe,
  debug: z.nullish(z.boolean()),
  hosts: z.nullish(z.array(maybe)),
  proxyHeader: z.nullish(z.boolean()),
  secret: z.object({
    kind: z.enum(["own", "random", "empty", "variable", "unknown"]),
    variable: z.optional(z.string()),
    sha256: z.optional(z.string()),
  }),
  databases: z.record(z.string(), z.object({ engine: maybe, name: maybe, host: maybe })),
  apps: z.array(z.string()),
  middleware: z.array(z.string()),
  wsgi: maybe,
  asgi: maybe,
  urls: maybe,
  login: maybe,
  timeZone: maybe,
  staticUrl: maybe,
  staticRoot: maybe,
  staticStorage: maybe,
  mediaUrl: maybe,
  mediaRoot: maybe,
  mediaStorage: maybe,
  logFiles: z.array(z.string()),
  caches: z.array(maybe),
  /** Whether LOGGING says anything. */
  logs: z.nullish(z.boolean()),
});
export type Facts = z.output<typeof factsSchema>;

/** Why a part of asking failed. */
export const failureSchema = z.object({
  type: z.string(),
  message: z.string(),
  /** "file:line" in the project. */
  where: maybe,
  /** The module that could not be found. */
  module: maybe,
  /** Variables that the project looked for in vain just then. */
  missing: z.array(z.string()),
  /** A variable whose stand-in the project could not use. */
  unfit: maybe,
  lines: z.array(z.string()),
});
export type Failure = z.output<typeof failureSchema>;

export const answerSchema = z.object({
  python: z.string(),
  /** Name, whether it was there, "file:line". */
  reads: z.array(z.tuple([z.string(), z.boolean(), z.string()])),
  done: z.array(z.string()),
  errors: z.optional(z.record(z.string(), failureSchema)),
  django: z.optional(z.string()),
  facts: z.optional(factsSchema),
  fileFields: z.optional(z.array(z.string())),
  /** Settings that are paths in the project: as Python names them, relative to the project, and what kind of value. */
  paths: z.optional(z.array(z.tuple([z.string(), z.string(), z.enum(["path", "text", "relative"])]))),
  /** "name version". */
  packages: z.optional(z.array(z.string())),
  /** Findings of Django's own checks: id, level (40 and more are errors), what, what to do, about what. */
  checks: z.optional(z.array(z.tuple([z.string(), z.number(), z.string(), z.string(), z.string()]))),
  visits: z.optional(
    z.record(z.string(), z.object({ status: z.number(), location: maybe, error: z.nullish(failureSchema) })),
  ),
});
export type Answer = z.output<typeof answerSchema>;

/** A variable of the environment that the project cannot do without. */
export interface Variable {
  name: string;
  /** "file:line" where it is read. */
  where?: string | undefined;
}
