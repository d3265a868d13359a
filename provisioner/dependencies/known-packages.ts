/** Packages that have no wheels, or none that fit, and what people take instead. Pure. */

export interface WayOut {
  /** What to do instead of requiring it. */
  instead?: string;
  /** Debian's package of it, which `[image] packages` installs. */
  debian?: string;
  /** Why a site does not need it, and `init` leaves it out by itself. */
  needless?: string;
}

const GUNICORN = "everspot runs the app with gunicorn";

const KNOWN: Readonly<Record<string, WayOut>> = {
  uwsgi: { needless: GUNICORN },
  "mod-wsgi": { needless: GUNICORN },
  psycopg2: { instead: "require psycopg2-binary instead", debian: "python3-psycopg2" },
  "psycopg-c": { instead: "require psycopg[binary] instead" },
  pysqlite3: { instead: "require pysqlite3-binary instead" },
  pywatchman: { needless: "it only watches files for the development server" },
  mysqlclient: { debian: "python3-mysqldb" },
  "python-ldap": { debian: "python3-ldap" },
  gdal: { debian: "python3-gdal" },
  pycairo: { debian: "python3-cairo" },
  pygobject: { debian: "python3-gi" },
  "dbus-python": { debian: "python3-dbus" },
  pygraphviz: { debian: "python3-pygraphviz" },
  pyicu: { debian: "python3-icu" },
  pylibmc: { debian: "python3-pylibmc" },
  xmlsec: { debian: "python3-xmlsec" },
  m2crypto: { debian: "python3-m2crypto" },
  netifaces: { debian: "python3-netifaces" },
};

/** Code that has to be compiled, whatever is there to compile it: a version with a wheel is the only way out. */
const COMPILED = new Set([
  ...["aiohttp", "argon2-cffi-bindings", "asyncpg", "bcrypt", "brotli", "cffi", "cryptography", "gevent"],
  ...["greenlet", "grpcio", "h5py", "httptools", "lxml", "matplotlib", "multidict", "numpy", "opencv-python"],
  ...["orjson", "pandas", "pillow", "psycopg-binary", "psycopg2-binary", "pycryptodome", "pycurl"],
  ...["pydantic-core", "pynacl", "pyyaml", "regex", "rpds-py", "scikit-learn", "scipy", "shapely", "ujson"],
  ...["uvloop", "zstandard"],
]);

/** Undefined for a package of which nothing is known: building it may give something that runs anywhere. */
export const knownWayOut = (name: string): WayOut | undefined =>
  KNOWN[name] ?? (COMPILED.has(name) ? {} : undefined);
