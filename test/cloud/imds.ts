import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import type { InstanceView, MetadataService } from "./ec2/instance-view.ts";
import { Tokens } from "./imds/tokens.ts";
import { lookUp, metadataTree } from "./imds/tree.ts";

export interface ImdsRequest {
  time: Date;
  method: string;
  path: string;
  /** 0: the connection was cut, or the answer is not out yet. */
  status: number;
  userAgent: string;
}

/** What goes wrong, for requests whose path (from /latest on) matches; for all without `path`. */
export interface ImdsFault {
  path?: RegExp;
  /** How many requests it hits; all when undefined. */
  times?: number;
  /** Milliseconds before the answer; the answer is the right one unless `status` or `body` say otherwise. */
  delay?: number;
  /** 401 also makes every token invalid, as when it expired. */
  status?: number;
  /** Instead of the right one, with status 200. */
  body?: string;
  /** Cuts the connection instead of answering. */
  drop?: boolean;
}

/** The metadata service of one instance. */
export interface Imds {
  /** "http://127.0.1.7:1338" */
  readonly url: string;
  readonly requests: readonly ImdsRequest[];
  /** The first that matches a request decides. */
  readonly faults: ImdsFault[];
  close(): Promise<void>;
}

/** Dated versions real clients ask for; all answer alike. */
const versions = ["1.0", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23", "2021-07-15", "latest"];

/**
 * Starts the metadata service of an instance: IMDSv2 as "Use the Instance Metadata Service" of the EC2 user
 * guide has it. 400 for a token request without a proper lifetime, 403 for one that was forwarded, 401 without
 * a valid token, 404 for what is not there (yet). The view is read again at every request.
 */
export async function startImds(
  view: InstanceView,
  options: { port: number; host?: string; clock?: Clock },
): Promise<Imds> {
  const clock = options.clock ?? systemClock;
  const tokens = new Tokens(clock);
  const started = new Date(clock.now());
  const requests: ImdsRequest[] = [];
  const faults: ImdsFault[] = [];

  const server = http.createServer(async (req, res) => {
    const path = (req.url ?? "").split("?")[0] ?? "";
    const entry: ImdsRequest = {
      time: new Date(clock.now()),
      method: req.method ?? "",
      path,
      status: 0,
      userAgent: req.headers["user-agent"] ?? "",
    };
    requests.push(entry);
    req.resume();
    const fault = takeFault(faults, path.replace(/^\/[^/]+/, "/latest"));
    if (fault?.delay !== undefined) {
      const gone = new AbortController();
      res.on("close", () => gone.abort());
      await clock.sleep(fault.delay, gone.signal).catch(() => {});
    }
    if (fault?.drop) return void res.destroy();
    if (fault?.status === 401) tokens.forget();
    const reply =
      fault?.status !== undefined
        ? failure(fault.status)
        : fault?.body !== undefined
          ? { status: 200, body: fault.body }
          : answer(req, path);
    entry.status = reply.status;
    res.writeHead(reply.status, { server: "EC2ws", "content-type": "text/plain", ...reply.headers });
    res.end(reply.body);
  });

  function answer(req: http.IncomingMessage, path: string): Reply {
    if (!view.metadata.enabled) return failure(403);
    if (req.method === "PUT") return issueToken(req, path);
    if (req.method !== "GET" && req.method !== "HEAD") return failure(405);
    const given = header(req, "x-aws-ec2-metadata-token");
    const left = given === undefined ? undefined : tokens.secondsLeft(given);
    const free = given === undefined && view.metadata.tokens === "optional";
    if (left === undefined && !free) return failure(401);
    if (path === "/") return { status: 200, body: versions.join("\n") };
    const [, version, rest] = /^\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    if (version === undefined || !versions.includes(version)) return failure(404);
    const body = lookUp(metadataTree(view, started), rest ?? "");
    if (body === undefined) return failure(404);
    return { status: 200, body, ...(left === undefined ? {} : { headers: { [ttlHeader]: String(left) } }) };
  }

  function issueToken(req: http.IncomingMessage, path: string): Reply {
    if (path !== "/latest/api/token") return failure(405);
    if (header(req, "x-forwarded-for") !== undefined) return failure(403);
    const issued = tokens.issue(header(req, ttlHeader));
    if (issued === undefined) return failure(400);
    return { status: 200, body: issued.token, headers: { [ttlHeader]: String(issued.seconds) } };
  }

  server.listen(options.port, options.host ?? view.privateAddress);
  await once(server, "listening");
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}`,
    requests,
    faults,
    async close() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Metadata services for a local EC2, each on its instance's own address, reachable by instance id. */
export function imdsServices(options: { port: number; clock?: Clock }): {
  service: MetadataService;
  /** Of the instance's newest start; kept after its end, so that its requests can be read. */
  of(instanceId: string): Imds | undefined;
  /** Ids of the instances so far. */
  known(): string[];
} {
  const services = new Map<string, Imds>();
  return {
    service: async (view) => {
      const imds = await startImds(view, options);
      services.set(view.instanceId, imds);
      return () => imds.close();
    },
    of: (instanceId) => services.get(instanceId),
    known: () => [...services.keys()],
  };
}

const ttlHeader = "x-aws-ec2-metadata-token-ttl-seconds";

interface Reply {
  status: number;
  body: string | Uint8Array;
  headers?: Record<string, string>;
}

const failure = (status: number): Reply => ({
  status,
  body: `${status} - ${http.STATUS_CODES[status] ?? "Error"}\n`,
});

function header(req: http.IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function takeFault(faults: ImdsFault[], path: string): ImdsFault | undefined {
  const fault = faults.find((f) => (f.times ?? 1) > 0 && (f.path?.test(path) ?? true));
  if (fault?.times !== undefined) fault.times -= 1;
  return fault;
}
