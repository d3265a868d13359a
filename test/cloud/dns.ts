import dgram from "node:dgram";
import net from "node:net";
import packet, { type DecodedPacket, type Packet } from "dns-packet";
import { NegativeCache } from "./dns/negative-cache.ts";
import { RCODE, type Rcode, type Resolution, resolve } from "./dns/resolve.ts";
import { escapeName, isWithin } from "./domain-names.ts";
import type { Zones } from "./route53/zones.ts";

export interface DnsQuery {
  /** Milliseconds since the epoch, on the zones' clock. */
  at: number;
  /** As asked, without the trailing dot. */
  name: string;
  type: string;
  transport: "udp" | "tcp";
  client: string;
  rcode: Rcode;
  /** Of addresses and names, e.g. "127.0.1.2". */
  answers: readonly string[];
}

/** Largest answer over UDP without EDNS, and what we say we take with it (RFC 1035 §4.2.1, DNS flag day 2020). */
const PLAIN_UDP = 512;
const EDNS_UDP = 1232;

/**
 * A DNS server for UDP and TCP that answers from the zones of the local Route 53 as soon as a change is visible.
 * It stands for the servers of every zone and for the resolver in front of them. As a resolver it remembers no answer,
 * and what is not there only if `remembersNo`.
 */
export class DnsServer {
  /** Oldest first. */
  readonly queries: DnsQuery[] = [];
  /** "127.0.0.1:5353" once started: as `Resolver.setServers` takes it. */
  address = "";
  /** Names at and below which every question is answered with SERVFAIL, as where DNSSEC is broken. Normalised. */
  readonly broken = new Set<string>();
  /** Whatever went wrong inside while answering; empty after a good test. */
  readonly faults: Error[] = [];
  readonly #zones: Zones;
  readonly #missing: NegativeCache | undefined;
  readonly #connections = new Set<net.Socket>();
  #udp: dgram.Socket | undefined;
  #tcp: net.Server | undefined;

  constructor(zones: Zones, { remembersNo = false }: { remembersNo?: boolean | undefined } = {}) {
    this.#zones = zones;
    this.#missing = remembersNo ? new NegativeCache(zones.clock) : undefined;
  }

  async start(at: { host?: string; port?: number } = {}): Promise<this> {
    const host = at.host ?? "127.0.0.1";
    // A free port for UDP may be taken for TCP: look for one that is free for both.
    for (let tries = at.port ? 1 : 20; ; tries--) {
      const udp = await bindUdp(host, at.port ?? 0);
      const port = udp.address().port;
      try {
        this.#tcp = await listenTcp(host, port, (socket) => this.#converse(socket));
      } catch (error) {
        udp.close();
        if (tries <= 1) throw error;
        continue;
      }
      udp.on("message", (message, from) => {
        const reply = this.#reply(message, "udp", from.address);
        if (reply !== undefined) udp.send(reply, from.port, from.address);
      });
      this.#udp = udp;
      this.address = `${host}:${port}`;
      return this;
    }
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = undefined;
    this.#tcp = undefined;
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => (udp === undefined ? resolve() : udp.close(() => resolve()))),
      new Promise<void>((resolve) => (tcp === undefined ? resolve() : tcp.close(() => resolve()))),
    ]);
  }

  /** Several questions may come over one connection, in pieces (RFC 7766). */
  #converse(socket: net.Socket): void {
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", () => socket.destroy());
    let waiting: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const end = 2 + waiting.readUInt16BE(0);
        const reply = this.#reply(waiting.subarray(2, end), "tcp", socket.remoteAddress ?? "");
        waiting = waiting.subarray(end);
        if (reply === undefined) return socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
    });
  }

  /** Undefined for what is no question: it gets no answer. */
  #reply(message: Buffer, transport: DnsQuery["transport"], client: string): Buffer | undefined {
    const query = decode(message);
    if (query === undefined) {
      return message.length < 12 ? undefined : encode({ id: message.readUInt16BE(0) }, refusal("FORMERR"));
    }
    if (query.type !== "query") return undefined;
    const [question] = query.questions ?? [];
    if ((((query.flags ?? 0) >> 11) & 15) !== 0) return encode(query, refusal("NOTIMP"));
    if (question === undefined || query.questions?.length !== 1) return encode(query, refusal("FORMERR"));
    const resolution = this.#resolve(question.name, question.type);
    this.queries.push({
      at: this.#zones.clock.now(),
      name: question.name,
      type: question.type,
      transport,
      client,
      rcode: resolution.rcode,
      answers: resolution.answers.flatMap((a) => ("data" in a && typeof a.data === "string" ? [a.data] : [])),
    });
    const full = encode(query, resolution);
    const edns = query.additionals?.find((a) => a.type === "OPT");
    const most = edns === undefined ? PLAIN_UDP : Math.max(PLAIN_UDP, edns.udpPayloadSize);
    return transport === "udp" && full.length > most
      ? encode(query, { ...resolution, answers: [], authorities: [] }, packet.TRUNCATED_RESPONSE)
      : full;
  }

  #resolve(name: string, type: string): Resolution {
    if ([...this.broken].some((zone) => isWithin(escapeName(name), zone))) return refusal("SERVFAIL");
    try {
      const known = this.#missing?.find(name, type);
      if (known !== undefined) return { ...known, authoritative: false };
      const found = resolve(this.#zones, name, type);
      this.#missing?.note(name, type, found);
      return found;
    } catch (error) {
      this.faults.push(error instanceof Error ? error : new Error(String(error)));
      return refusal("SERVFAIL");
    }
  }
}

const refusal = (rcode: Rcode): Resolution => ({ rcode, authoritative: false, answers: [], authorities: [] });

function decode(message: Buffer): DecodedPacket | undefined {
  try {
    return packet.decode(message);
  } catch {
    return undefined;
  }
}

function encode(query: Packet, resolution: Resolution, extraFlags = 0): Buffer {
  const desired = (query.flags ?? 0) & packet.RECURSION_DESIRED;
  const authoritative = resolution.authoritative ? packet.AUTHORITATIVE_ANSWER : 0;
  const hasEdns = query.additionals?.some((a) => a.type === "OPT") ?? false;
  return packet.encode({
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: desired | authoritative | packet.RECURSION_AVAILABLE | extraFlags | RCODE[resolution.rcode],
    questions: query.questions ?? [],
    answers: resolution.answers,
    authorities: resolution.authorities,
    additionals: hasEdns
      ? [
          {
            type: "OPT",
            name: ".",
            udpPayloadSize: EDNS_UDP,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

function bindUdp(host: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket("udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, () => {
      socket.off("error", reject);
      // A client that has gone away must not end the server.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

function listenTcp(
  host: string,
  port: number,
  onConnection: (socket: net.Socket) => void,
): Promise<net.Server> {
  const server = net.createServer(onConnection);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}
