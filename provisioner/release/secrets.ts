import path from "node:path";

/** Bytes searched at the start of a file. Keys and credentials are small. */
export const SECRET_SCAN_BYTES = 1024 ** 2;

const names: readonly [RegExp, string][] = [
  // Templates without values are welcome in a repository, and here too.
  [/^\.env(?!.*\.(example|sample|template|dist)$)/, "environment file"],
  [/^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/, "private SSH key"],
  [/\.(p12|pfx|jks|keystore|ppk)$/i, "key store"],
  [/^(\.netrc|_netrc|\.pypirc|\.git-credentials|\.pgpass|\.my\.cnf)$/, "saved credentials"],
];

/** @returns what kind of secret a file of this name holds, or undefined. The path is relative to the project. */
export function secretByName(file: string): string | undefined {
  const base = path.posix.basename(file);
  const parent = path.posix.basename(path.posix.dirname(file));
  if (parent === ".aws" && (base === "credentials" || base === "config")) return "AWS credentials";
  return names.find(([pattern]) => pattern.test(base))?.[1];
}

/** A PEM key: marker, perhaps headers (RFC 1421), then base64. Line ends may be escaped, as in JSON. */
const PRIVATE_KEY =
  /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[rn])*(?:[A-Za-z-]+: ?[^\n]*\s+)*[A-Za-z0-9+/=]{20}/;
const PUTTY_KEY = /^PuTTY-User-Key-File-\d/;
/** A secret access key has 40 characters; AWS's own documentation uses ones that say EXAMPLE. */
const AWS_KEY =
  /aws_?secret_?(?:access_?)?key["']?\s*[=:]\s*["']?(?![A-Za-z0-9/+]*EXAMPLE)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/i;
const SQLITE = "SQLite format 3\0";
const SQLITE_LOGS = /\.(sqlite3?|db)-(wal|journal)$/i;

/** @returns what kind of secret this content is, or undefined. */
export function secretByContent(file: string, start: Buffer): string | undefined {
  if (start.length === 0) return undefined;
  if (start.subarray(0, SQLITE.length).toString("latin1") === SQLITE) return "SQLite database with data";
  if (SQLITE_LOGS.test(file)) return "SQLite database with data";
  const text = start.toString("latin1");
  if (text.includes("PRIVATE KEY") && PRIVATE_KEY.test(text)) return "private key";
  if (PUTTY_KEY.test(text)) return "private key";
  if (AWS_KEY.test(text)) return "AWS credentials";
  return undefined;
}
