import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { onTestFinished } from "vitest";
import { normalName } from "../../../provisioner/requirements/requirement-lines.ts";

export interface PackageIndex {
  /** "http://127.0.0.1:1234/simple/". */
  url: string;
  /** With the user and password it asks for. */
  urlWithLogin: string;
  /** Names that were asked for, in order. */
  asked: string[];
}

interface Options {
  /** Whether it wants "user" and "secret-word". */
  login?: boolean;
  /** What a file requires of Python, by its name. */
  requiresPython?: Readonly<Record<string, string>>;
}

const LOGIN = `Basic ${Buffer.from("user:secret-word").toString("base64")}`;

/** A package index on loopback (PEP 503) over the wheels and sources in a folder, for one test. */
export async function packageIndex(folder: string, options: Options = {}): Promise<PackageIndex> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (options.login === true && request.headers.authorization !== LOGIN) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="packages"' }).end();
      return;
    }
    const [, place, name = ""] = (request.url ?? "").split("/").map(decodeURIComponent);
    if (place === "files") {
      response.end(readFileSync(path.join(folder, path.basename(name))));
      return;
    }
    asked.push(name);
    const files = readdirSync(folder).filter((file) => nameOf(file) === name);
    response.writeHead(files.length === 0 ? 404 : 200, { "content-type": "text/html" });
    response.end(`<!DOCTYPE html><html><body>${files.map(link).join("")}</body></html>`);
  });
  const link = (file: string) => {
    const python = options.requiresPython?.[file];
    const attribute =
      python === undefined
        ? ""
        : ` data-requires-python="${python.replaceAll(">", "&gt;").replaceAll("<", "&lt;")}"`;
    return `<a href="/files/${encodeURIComponent(file)}"${attribute}>${file}</a>\n`;
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    urlWithLogin: `http://user:secret-word@127.0.0.1:${port}/simple/`,
    asked,
  };
}

/** Of "quick_one-1.0-py3-none-any.whl" and "quick_one-1.0.zip". */
const nameOf = (file: string): string => normalName(/^(.+?)-\d/.exec(file)?.[1] ?? "");
