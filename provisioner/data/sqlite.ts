import { execa } from "execa";
import { EverspotError } from "../../agent/site/errors.ts";

/** What SQLite itself says of a database. */
export interface Examined {
  /** What `PRAGMA integrity_check` complains about, at most 5 lines; empty: nothing. */
  problems: string[];
  /** Rows of each table; null where the table cannot be read without a module that is not here. */
  tables: Record<string, number | null>;
  /** Django's migrations that it has seen, as "app.0001_initial". */
  migrations: string[];
  /** Bytes. */
  page: number;
}

/** A database of some gigabytes on a slow disk. */
const PATIENCE = 30 * 60_000;

const ASK = {
  tables: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  migrations: "SELECT app || '.' || name FROM django_migrations ORDER BY id",
};

/** Arguments: the database, where a copy goes or "", and ASK. Prints an Examined, or {"error"}. */
const PYTHON = `
import json, sqlite3, sys
file, copy, ask = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    db = sqlite3.connect(file, timeout=20)
    if copy:
        to = sqlite3.connect(copy)
        db.backup(to)
        db.close()
        db = to
    all = lambda sql: [row[0] for row in db.execute(sql)]
    def count(table):
        try:
            return all('SELECT count(*) FROM "%s"' % table.replace('"', '""'))[0]
        except sqlite3.OperationalError:
            return None
    problems = [text for text in all("PRAGMA integrity_check(5)") if text != "ok"]
    tables = {} if problems else {name: count(name) for name in all(ask["tables"])}
    migrations = all(ask["migrations"]) if "django_migrations" in tables else []
    print(json.dumps({"problems": problems, "tables": tables, "migrations": migrations, "page": all("PRAGMA page_size")[0]}))
    db.close()
except sqlite3.Error as error:
    print(json.dumps({"error": str(error)}))
`;

/** The same, for a Node that has SQLite. */
const NODE = `
import { backup, DatabaseSync } from "node:sqlite";
const [file, copy, asked] = process.argv.slice(-3);
const ask = JSON.parse(asked);
try {
  let db = new DatabaseSync(file, { timeout: 20000 });
  if (copy !== "") {
    await backup(db, copy);
    db.close();
    db = new DatabaseSync(copy);
  }
  const all = (sql) => db.prepare(sql).all().map((row) => Object.values(row)[0]);
  const count = (table) => {
    try {
      return all('SELECT count(*) FROM "' + table.replaceAll('"', '""') + '"')[0];
    } catch {
      return null;
    }
  };
  const problems = all("PRAGMA integrity_check(5)").filter((text) => text !== "ok");
  const names = problems.length > 0 ? [] : all(ask.tables);
  const migrations = names.includes("django_migrations") ? all(ask.migrations) : [];
  const tables = Object.fromEntries(names.map((name) => [name, count(name)]));
  console.log(JSON.stringify({ problems, tables, migrations, page: all("PRAGMA page_size")[0] }));
  db.close();
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
`;

/**
 * Who can ask SQLite on this computer: Node.js itself from 22.16 on, else Python, which whoever works on a Django project
 * has, of which its own modules are all that is wanted: not the project's, which the folder or PYTHONPATH may lead to.
 * Neither weighs on the package, and each reads databases larger than the memory.
 */
const askers = (): { command: string; args: string[] }[] => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const node = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", NODE, "--"];
  return [
    ...(major > 22 || (major === 22 && minor >= 16) ? [{ command: process.execPath, args: node }] : []),
    ...["python3", "python"].map((command) => ({ command, args: ["-I", "-S", "-c", PYTHON] })),
  ];
};

/**
 * @param copy where a copy as of one moment goes, whoever writes to the database meanwhile; the copy is examined then.
 * @returns undefined when nothing on this computer can ask SQLite.
 * @throws EverspotError for what SQLite cannot read.
 */
export async function examine(file: string, copy = "", signal?: AbortSignal): Promise<Examined | undefined> {
  for (const { command, args } of askers()) {
    const done = await execa(command, [...args, file, copy, JSON.stringify(ASK)], {
      ...{ reject: false, timeout: PATIENCE, maxBuffer: 64 << 20 },
      ...(signal && { cancelSignal: signal }),
    });
    signal?.throwIfAborted();
    const said = answerOf(done.stdout);
    // It is not there, or has no SQLite.
    if (said === undefined) continue;
    if (!("error" in said)) return said;
    throw new EverspotError(`${file} cannot be read: ${said.error}`, {
      resource: file,
      hint: /not a database|malformed|encrypted/.test(said.error)
        ? "it is damaged, encrypted, or no SQLite database: make a copy with `sqlite3 FILE '.backup COPY'` where it can be opened"
        : "check that it is there, may be read, and that no other program holds it",
    });
  }
  return undefined;
}

function answerOf(text: unknown): Examined | { error: string } | undefined {
  try {
    return JSON.parse(String(text)) as Examined | { error: string };
  } catch {
    return undefined;
  }
}

/** For where nothing goes on without it. @throws EverspotError */
export async function examineOrRefuse(file: string, copy = "", signal?: AbortSignal): Promise<Examined> {
  const found = await examine(file, copy, signal);
  if (found !== undefined) return found;
  throw new EverspotError("nothing on this computer can read an SQLite database", {
    hint: "install Python 3, or run everspot with Node.js 22.16 or later",
  });
}
