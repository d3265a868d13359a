import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import type { RealCloud } from "../../../test/cloud/real.ts";
import { checkDown, recordBoots, vanish } from "../acts.ts";
import { visitSite } from "../projects/visit.ts";
import { CLI, onThis, type Rehearsal, runCommand } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";
import { configureSite, type RehearsedSite } from "../site.ts";

/** A project as its owner has it: made with startproject, never on a server. */
const PROJECT = path.resolve(import.meta.dirname, "../../../test/sites/album");
const DOMAIN = "album.example.com";
const ADMIN = { user: "owner", password: "a rehearsal's own 7" };
const ROWS = 10_000;
/** Longer than the TTL that every visitor here honours. */
const DRAIN = 5;
const SECONDS = 900;
/** Debian's own, which has the Django that this is set up with. */
const PYTHON = "/usr/bin/python3";
const PATHS = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";

const plays = (name: string, megabytes: number, pictures: number): Scenario => ({
  name,
  about: `a project with ${megabytes} MB of uploads, 10,000 rows and an admin goes from its folder to HTTPS in three commands; then heal, deploy, rollback, and out again`,
  prepare: (cloud, to, say) => prepare(cloud, to, say, megabytes / pictures, pictures),
  run: async (rehearsal, result) => {
    const { folder } = rehearsal.site;
    const seconds: Record<string, number> = {};
    const everspot = async (...args: string[]): Promise<void> => {
      rehearsal.moment(`everspot ${args.join(" ")}`);
      const done = await rehearsal.cli(args, SECONDS, { PATH: PATHS });
      seconds[`seconds of ${args.slice(0, 2).join(" ")}`] = done.seconds;
      if (done.exitCode !== 0) {
        throw new EverspotError(`everspot ${args.join(" ")} ended with ${done.exitCode}`, {
          lines: done.lines,
        });
      }
    };
    await everspot("data", "push", "db.sqlite3", "--media", "media", "--yes");
    await everspot("up", "--yes");
    await look(rehearsal, "up");
    const lost = await vanish(rehearsal);
    await rehearsal.bootOfOwner(lost, SECONDS);
    await look(rehearsal, "a heal");
    await writeFile(path.join(folder, "version.txt"), "another release\n");
    await everspot("deploy");
    await look(rehearsal, "a deploy");
    await everspot("rollback");
    await look(rehearsal, "a rollback");
    const out = path.join(folder, "out");
    await everspot("data", "pull", path.join(out, "db.sqlite3"), "--media", path.join(out, "media"));
    await checkOut(rehearsal, folder, out);
    result.figures = { ...seconds, "MB of uploads": megabytes, rows: ROWS };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
});

export const moveIn = plays("move-in", 500, 100);
export const moveInShort = plays("move-in-short", 20, 10);

/** The project as it is on its owner's computer, and the first of the three commands. */
async function prepare(
  cloud: RealCloud,
  folder: string,
  say: (line: string) => void,
  megabytes: number,
  pictures: number,
): Promise<RehearsedSite> {
  await cp(PROJECT, folder, { recursive: true });
  await mkdir(path.join(folder, "media/photos"), { recursive: true });
  for (let i = 1; i <= pictures; i++) {
    await writeFile(path.join(folder, "media/photos", `${i}.png`), picture(i, megabytes * 1_000_000));
  }
  const env = { PATH: PATHS, PYTHONDONTWRITEBYTECODE: "1", ...account };
  for (const args of [["migrate"], ["createsuperuser", "--noinput"], ["shell", "-c", rowsOf(pictures)]]) {
    await execa(PYTHON, ["manage.py", ...args], { cwd: folder, env });
  }
  say(`everspot init --domain ${DOMAIN}`);
  const done = await runCommand([CLI, "init", "--yes", "--site", "album", "--domain", DOMAIN, "--json"], {
    ...{ cwd: folder, env: { ...cloud.env, PATH: PATHS }, seconds: 300, say },
  });
  if (done.exitCode !== 0) throw new EverspotError("everspot init failed", { lines: done.lines });
  // Here is no index of packages: Debian's own take the place of those that `init` wrote down.
  await rm(path.join(folder, "requirements.txt"), { force: true });
  return configureSite(folder, () => ({
    ...onThis(cloud),
    dns: { ttl: 5, drain: DRAIN },
    image: { packages: ["python3-django", "gunicorn"] },
  }));
}

const account = {
  DJANGO_SUPERUSER_USERNAME: ADMIN.user,
  DJANGO_SUPERUSER_EMAIL: "owner@example.com",
  DJANGO_SUPERUSER_PASSWORD: ADMIN.password,
};

const rowsOf = (pictures: number): string =>
  `from photos.models import Photo; Photo.objects.bulk_create([Photo(title="photo %d" % i, picture="photos/%d.png" % (i % ${pictures} + 1)) for i in range(${ROWS})])`;

/** Another one for each number, which no compression makes smaller. */
function picture(number: number, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  let block = createHash("sha512").update(`picture ${number}`).digest();
  for (let at = 0; at < bytes; at += block.length) {
    block = createHash("sha512").update(block).digest();
    block.copy(content, at);
  }
  return content;
}

/** Login and pictures, as a visitor has them. */
async function look(rehearsal: Rehearsal, after: string): Promise<void> {
  const ca = await readFile(rehearsal.cloud.rootFile);
  const visit = await visitSite(rehearsal.site.domain, ca, [rehearsal.site.health], ADMIN);
  const shown = visit.assets.filter((asset) => asset.startsWith("/media/"));
  rehearsal.moment(
    `after ${after}: ${visit.pages.join(", ")}; ${shown.length} pictures; login: ${visit.login}`,
  );
  for (const problem of visit.problems) rehearsal.check(false, `after ${after}: ${problem}`);
  rehearsal.check(visit.login === "works", `after ${after} the admin can log in`);
  rehearsal.check(shown.length === 5, `after ${after} the pictures are shown, but there are ${shown.length}`);
}

/** All of it is there again, in ordinary files. */
async function checkOut(rehearsal: Rehearsal, folder: string, out: string): Promise<void> {
  const { stdout } = await execa(PYTHON, ["-c", COUNT, path.join(out, "db.sqlite3")]);
  rehearsal.check(stdout.trim() === `${ROWS} 1 ok`, `rows, accounts, integrity: ${stdout.trim()}`);
  const names = await readdir(path.join(folder, "media/photos"));
  const differ: string[] = [];
  for (const name of names) {
    const [before, after] = await Promise.all(
      [folder, out].map((at) => readFile(path.join(at, "media/photos", name)).catch(() => Buffer.alloc(0))),
    );
    if (!before?.equals(after ?? Buffer.alloc(0))) differ.push(name);
  }
  rehearsal.check(differ.length === 0, `every upload is as it was, but not ${differ.join(", ")}`);
  rehearsal.moment(`${names.length} uploads and ${ROWS} rows are out again`);
}

const COUNT = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
one = lambda sql: database.execute(sql).fetchone()[0]
print(one("SELECT count(*) FROM photos_photo"), one("SELECT count(*) FROM auth_user"), one("PRAGMA integrity_check"))`;
