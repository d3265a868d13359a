/** What of a project's databases cannot be had on an instance. Pure. */
import type { Facts } from "./facts.ts";

type Database = Facts["databases"][string];

const last = (engine: string | null | undefined): string => engine?.split(".").at(-1) ?? "";

export const isSqlite = (engine: string | null | undefined): boolean =>
  ["sqlite3", "spatialite"].includes(last(engine));

/** Whether there is a database at all: Django's stand-in for none takes no migrations. */
export const isReal = ({ engine }: Database): boolean =>
  engine != null && last(engine) !== "dummy" && engine !== "";

/** Whether it is lost when the process ends. */
export const inMemory = ({ engine, name }: Database): boolean =>
  isSqlite(engine) && /^$|:memory:|mode=memory/.test(name ?? "");

/** The server's name for a person: "PostgreSQL"; undefined where there is no server. */
export function serverOf({ engine }: Database): string | undefined {
  const servers: Record<string, string> = {
    postgresql: "PostgreSQL",
    postgresql_psycopg2: "PostgreSQL",
    postgis: "PostgreSQL with PostGIS",
    mysql: "MySQL",
    mariadb: "MariaDB",
    oracle: "Oracle",
    mssql: "SQL Server",
  };
  return servers[last(engine)];
}

/** Whether the server would have to be on the instance itself, or in a network that only Docker makes. */
export const isNear = ({ host }: Database): boolean =>
  host == null || host === "" || /^(localhost|127\.|::1|\/|0\.0\.0\.0)/.test(host) || /^[\w-]+$/.test(host);

/** Where it is asked for, for a person. */
export const placeOf = ({ host }: Database): string =>
  host == null || host === "" ? "on the same machine" : `at ${host}`;

export const needsGdal = ({ apps, databases }: Pick<Facts, "apps" | "databases">): boolean =>
  apps.includes("django.contrib.gis") ||
  Object.values(databases).some((d) => /postgis|spatialite|gis\./.test(d.engine ?? ""));
