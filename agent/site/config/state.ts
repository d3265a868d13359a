/** [state]: what the site writes that must outlive its instance. */
import * as z from "zod/mini";
import { plainFolder, staticFiles } from "./static-files.ts";
import { type Complaint, matching, notes, obeys, type Rule } from "./text.ts";

/** Bytes of a path: it stands in the log, and in lists of paths that a colon separates. */
const MOST = 200;
/** As systemd names the app's own folder to it; here the other place for what a site writes, beside the project. */
const IN_APP_FOLDER = "$STATE_DIRECTORY/";
/** What SQLite itself makes beside a database, and what everspot needs for itself. */
const TAKEN = /(?:-wal|-shm|-journal)$|^\.everspot(?:\/|$)/;

/** What a database or the folder of uploads is called below everspot's own folder, and in the bucket. */
export const keptName = (path: string): string =>
  path.startsWith(IN_APP_FOLDER) ? path.slice(IN_APP_FOLDER.length) : path;

/** Whether it lies in the app's own folder (`$STATE_DIRECTORY`), not in the release. */
export const isInAppFolder = (path: string): boolean => path.startsWith(IN_APP_FOLDER);

/** `./db.sqlite3` and `db.sqlite3` are the same. */
const plainPath = (path: string): string => {
  const braced = path.replace(/^\$\{STATE_DIRECTORY\}\//, IN_APP_FOLDER);
  return isInAppFolder(braced) ? IN_APP_FOLDER + plainFolder(keptName(braced)) : plainFolder(braced);
};

const inside =
  (what: "file" | "folder", like: string): Rule =>
  (path): Complaint | undefined => {
    const name = keptName(path);
    const hint = `like "${like}", or "${IN_APP_FOLDER}${like}"`;
    if (name === "") return { message: `must be a ${what}, not all there is`, hint };
    if (name.startsWith("/") || name.split("/").some((part) => part === "." || part === "..")) {
      return { message: `must be a ${what} inside the project, or below $STATE_DIRECTORY`, hint };
    }
    const odd = /[\p{Cc}\\:$`"']/u.exec(name);
    if (odd) return { message: `has a ${JSON.stringify(odd[0])} in it`, hint };
    if (name.trim() !== name) return { message: "begins or ends with a blank", hint };
    if (TAKEN.test(name)) return { message: "is a name that SQLite or everspot itself needs", hint };
    if (Buffer.byteLength(path) > MOST) return { message: `must not be longer than ${MOST} bytes` };
    return undefined;
  };

const databasePath = z
  .string()
  .check(z.overwrite(plainPath), obeys(inside("file", "db.sqlite3")))
  .register(notes, { description: "A database." });

const database = z.pipe(
  z.union([databasePath, z.array(databasePath).check(z.minLength(1), z.maxLength(8))]),
  z.transform((value: string | string[]) => (typeof value === "string" ? [value] : value)),
);

export const state = {
  database: database.register(notes, {
    description:
      "The SQLite database whose content outlives the instance, as a path in the project or below $STATE_DIRECTORY; several as a list. It is kept outside of releases, and each finds it at this place.",
    examples: ["db.sqlite3"],
    missing: 'which database is kept: database = "db.sqlite3"',
  }),
  media: z
    .optional(z.string().check(z.overwrite(plainPath), obeys(inside("folder", "media"))))
    .register(notes, {
      description:
        "The folder of uploads, as the end of Django's MEDIA_ROOT, kept like the database; nginx serves it at media_url.",
      examples: ["media"],
      otherwise: "uploads are not kept",
    }),
  media_url: z._default(staticFiles.url, "/media/").register(notes, {
    description: "The URL below which uploads are, as Django's MEDIA_URL.",
    examples: ["/media/"],
  }),
  durability: z._default(z.enum(["fast", "s3"]), "fast").register(notes, {
    description:
      '"fast": an answer may be given before what it wrote is in the bucket, and the loss of a machine without notice may take the last second or two. "s3": an answer waits until everything it wrote or showed is in the bucket.',
    examples: ["fast"],
  }),
  budget: z._default(z.number().check(z.minimum(0.1), z.maximum(1000)), 3).register(notes, {
    description:
      "USD a month for writing to the bucket. The smaller it is, the longer a busy site's writes wait for each other, and the more the loss of a machine may take.",
    examples: [3],
  }),
  history: z
    ._default(matching(/^[1-9]\d{0,2}[hd]$/, "not a time", 'in hours or days, like "12h" or "7d"'), "7d")
    .register(notes, {
      description: "How far back what was written can be read again from the bucket.",
      examples: ["7d"],
    }),
  pause: z._default(z.int().check(z.minimum(1), z.maximum(3600)), 10).register(notes, {
    description:
      "Seconds for which visitors may be made to wait while another machine takes the site over. A migration that takes longer is refused before anyone waits.",
    examples: [10],
  }),
};

/** What a deploy may ask for with --pause, even where `pause` is less. Seconds. */
export const LONGEST_PAUSE = 300;

/** Seconds of `history`. */
export const historySeconds = (history: string): number =>
  Number.parseInt(history, 10) * (history.endsWith("d") ? 86_400 : 3600);
