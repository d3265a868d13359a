/** What is known of a project before a configuration is proposed for it. */
import type { Learnt } from "../project/learn.ts";
import type { PathSetting } from "../project/writes.ts";

export interface Situation {
  learnt: Learnt;
  site: string;
  region: string;
  domain: string;
  os: "debian-13" | "debian-12";
  /** Names of the project's packages, with their versions where they are known. */
  packages: readonly string[];
  /** Those of them that a site does not need, and that cannot be had. */
  without: readonly string[];
  /** The file that declares them. */
  declared: string | undefined;
  /** Django's version as the project's sources tell it. */
  generatedBy: string | undefined;
  /** Files that look like secrets and would go into a release. */
  secretFiles: readonly string[];
  /** The project's .everspotignore. */
  ignored: string | undefined;
  /** What was seen when the proposal was tried. */
  trial?: Trial | undefined;
}

export interface Trial {
  /** A path that answered 200. */
  health: string | undefined;
  /** Whether SQLite does for what wants a database server. */
  sqlite: boolean;
  /** Settings that name what the project writes among its own files. */
  moved: readonly PathSetting[];
}
