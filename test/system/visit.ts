import http from "node:http";
import https from "node:https";

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Visit {
  /** IPv4. */
  address: string;
  /** Host header, and SNI unless given. */
  host: string;
  sni?: string;
  path?: string;
  /** PEM the visitor trusts; undefined asks by plain HTTP. */
  ca?: string;
  method?: string;
  body?: string;
  headers?: Record<string, string>;
  /** Address of this machine to come from. */
  from?: string;
}

/** One request as a browser would send it, to an address. Rejects as the browser would fail. */
export function visit(options: Visit): Promise<Answer> {
  const { address, host, path = "/", ca, method = "GET", body } = options;
  const common = {
    host: address,
    path,
    method,
    ...(options.from !== undefined && { localAddress: options.from }),
    agent: false,
    headers: { host, ...options.headers },
  } as const;
  return new Promise((resolve, reject) => {
    const take = (answer: http.IncomingMessage) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    };
    const request =
      ca === undefined
        ? http.request(common, take)
        : https.request({ ...common, servername: options.sni ?? host, ca }, take);
    request.on("error", reject);
    request.setTimeout(10_000, () => request.destroy(new Error("no answer in 10 s")));
    request.end(body);
  });
}
