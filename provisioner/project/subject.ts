/** What a project is looked at with, and as what. */
import type { Learnt } from "./learn.ts";

export interface Subject {
  learnt: Learnt;
  /** One of both. */
  wsgi: string | undefined;
  asgi: string | undefined;
  /** `[app.env]`. */
  env: Readonly<Record<string, string>>;
  /** Names of the secrets that the app will find; undefined where they are not known: any might be one. */
  secrets: readonly string[] | undefined;
  beforeStart: readonly string[];
  static: readonly { url: string; folder: string }[] | undefined;
  /** Debian packages of `[image]`. */
  packages: readonly string[];
  /** Domain and aliases. */
  hosts: readonly string[];
  /** The file that declares its dependencies. */
  declared: string | undefined;
  /** `[state]`: paths in the project or below $STATE_DIRECTORY that outlive the instance. */
  state: { database: readonly string[]; media?: string | undefined } | undefined;
  /** Whether there are workers or schedules. */
  beside: boolean;
}
