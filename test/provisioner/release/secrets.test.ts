import { generateKeyPairSync, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { secretByContent, secretByName } from "../../../provisioner/release/secrets.ts";

test.each([
  [".env", "environment file"],
  [".env.production", "environment file"],
  ["config/.env.local", "environment file"],
  [".envrc", "environment file"],
  ["id_rsa", "private SSH key"],
  ["keys/id_ed25519", "private SSH key"],
  ["cert.p12", "key store"],
  ["CERT.PFX", "key store"],
  [".netrc", "saved credentials"],
  [".aws/credentials", "AWS credentials"],
])("%s is a %s by its name", (name, kind) => {
  expect(secretByName(name)).toBe(kind);
});

test.each([
  ".env.example",
  ".env.production.sample",
  ".env.template",
  ".env.dist",
  "env.py",
  "app/environment.env.md",
  "id_rsa.pub",
  "credentials",
  "docs/id_rsa.md",
])("%s is no secret by its name", (name) => {
  expect(secretByName(name)).toBeUndefined();
});

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
const pem = (type: "pkcs1" | "pkcs8") => privateKey.export({ type, format: "pem" }).toString();
const encrypted = privateKey
  .export({ type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase: "x" })
  .toString();
const secretKey = randomBytes(30).toString("base64");
const begin = (what: string) => `-----BEGIN ${what}-----`;

test.each<[string, string, string | Buffer]>([
  ["private key", "server.pem", pem("pkcs8")],
  ["private key", "server.key", pem("pkcs1")],
  ["private key", "encrypted.pem", encrypted],
  ["private key", "settings.py", `KEY = """${pem("pkcs8")}"""\n`],
  ["private key", "account.json", JSON.stringify({ private_key: pem("pkcs8") })],
  ["private key", "crlf.txt", pem("pkcs8").replaceAll("\n", "\r\n")],
  ["private key", "chain.pem", `${begin("CERTIFICATE")}\nMIIB\n${pem("pkcs8")}`],
  ["private key", "k.txt", "PuTTY-User-Key-File-3: ssh-ed25519\n"],
  [
    "SQLite database with data",
    "db.sqlite3",
    Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(4080)]),
  ],
  ["SQLite database with data", "any.name", "SQLite format 3\0"],
  ["SQLite database with data", "db.sqlite3-wal", "x"],
  ["AWS credentials", "creds", `[default]\naws_access_key_id = A\naws_secret_access_key = ${secretKey}\n`],
  ["AWS credentials", "settings.py", `AWS_SECRET_ACCESS_KEY = "${secretKey}"\n`],
  ["AWS credentials", "conf.json", `{"awsSecretAccessKey": "${secretKey}"}`],
])("%s in %s", (kind, name, content) => {
  expect(secretByContent(name, Buffer.from(content))).toBe(kind);
});

test.each<[string, string]>([
  ["db.sqlite3", ""],
  ["cert.pem", `${begin("CERTIFICATE")}\n${randomBytes(60).toString("base64")}\n`],
  ["public.pem", `${begin("PUBLIC KEY")}\n${randomBytes(60).toString("base64")}\n`],
  ["check.py", `if "${begin("PRIVATE KEY")}" in text:\n    raise ValueError\n`],
  ["settings.py", 'AWS_SECRET_ACCESS_KEY = os.environ["AWS_SECRET_ACCESS_KEY"]\n'],
  ["readme", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"],
  ["hash.txt", `aws_secret_access_key = ${"a".repeat(64)}\n`],
])("nothing in %s", (name, content) => {
  expect(secretByContent(name, Buffer.from(content))).toBeUndefined();
});
