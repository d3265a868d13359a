export interface ClientOptions {
  name: string;
  host: string;
  path: string;
  /** PEM of the root that the site's certificate must chain to. */
  ca: string;
  /** "127.0.0.1:53" */
  dns: string;
  /** Milliseconds between two requests. */
  every: number;
  /** An answer of the resolver is kept for this many times its TTL. 1 honours it. */
  outstay: number;
  keepAlive: boolean;
  /** Over HTTP/2, on one connection as long as the server keeps it. */
  http2: boolean;
  /** Every how many requests one is a POST to `postPath`; 0 for none. */
  postEvery: number;
  postPath: string;
  /** Whether the answers to GETs are kept as those to POSTs are. */
  reads: boolean;
  /** Milliseconds after which a request that has no answer is given up. */
  patience: number;
}

/** One request as its sender saw it. */
export interface Sample {
  /** Milliseconds since the epoch when it was sent. */
  at: number;
  milliseconds: number;
  method: "GET" | "POST";
  /** Of a POST: what it writes, a number that no other of this visitor has. */
  n?: number;
  /** Undefined when there was no answer. */
  status?: number;
  error?: string;
  address?: string;
  /** Serial number of the certificate of a new connection. */
  serial?: string;
  /** First 200 characters of the answer to a POST, and to a GET of a visitor who reads. */
  body?: string;
}

export const failed = (sample: Sample): boolean =>
  sample.status === undefined || sample.status < 200 || sample.status >= 400;
