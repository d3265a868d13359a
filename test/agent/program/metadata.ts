import http from "node:http";
import type { AddressInfo } from "node:net";

/** A metadata service that answers what it is asked to. */
export interface MetadataService {
  url: string;
  /** By path below /latest/meta-data/. */
  answers: Map<string, string>;
  /** Paths that were asked for. */
  asked: string[];
  close(): Promise<void>;
}

export async function startMetadata(): Promise<MetadataService> {
  const answers = new Map<string, string>();
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const path = request.url?.replace(/^\/latest\/(meta-data\/)?/, "") ?? "";
    asked.push(path);
    const answer = path === "api/token" ? "token" : answers.get(path);
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    ...{ answers, asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
