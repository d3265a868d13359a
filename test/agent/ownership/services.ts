/**
 * The local S3 and Route 53 as a value and a function: each call runs the local services' own handlers over the state
 * it is given, without HTTP.
 */
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { RecordSets } from "../../cloud/route53/record-sets.ts";
import { Route53 } from "../../cloud/route53.ts";
import { Bucket } from "../../cloud/s3/bucket.ts";
import type { Content } from "../../cloud/s3/stored.ts";
import { S3 } from "../../cloud/s3.ts";
import { AwsError, type Call, type Handler, WireServer } from "../../cloud/wire/server.ts";
import type { Outcome, Reply } from "./interleave.ts";

export const BUCKET = "site";

/** What the services hold: the objects of the bucket and the records of the zone. Never changed in place. */
export interface State {
  objects: ReadonlyMap<string, Content>;
  records: RecordSets;
}

/** A call as the SDK's clients would send it. */
export interface ServiceCall {
  service: "s3" | "route53";
  operation: string;
  input: Record<string, unknown>;
}

/** Keeps the handlers that the services register. */
class Direct extends WireServer {
  readonly handlers = new Map<string, Handler>();
  override on<I>(service: string, operation: string, handler: Handler<I>): this {
    this.handlers.set(`${service}.${operation}`, handler as Handler);
    return super.on(service, operation, handler);
  }
}

export class Services {
  readonly #direct = new Direct();
  readonly #s3: S3;
  readonly #route53: Route53;
  readonly zoneId: string;
  readonly initial: State;
  readonly #req = new IncomingMessage(new Socket());

  constructor(domain: string) {
    const clock = { now: () => 0, sleep: async () => {} };
    this.#s3 = new S3(this.#direct, { now: clock.now });
    this.#route53 = new Route53(this.#direct, { clock });
    const zone = this.#route53.zones.create({
      name: `${domain}.`,
      callerReference: "1",
      comment: undefined,
      privateZone: false,
    });
    this.zoneId = zone.id;
    this.initial = { objects: new Map(), records: zone.records };
  }

  /** The state after a call, and the answer. */
  perform(before: State, request: ServiceCall): { state: State; reply: Reply } {
    const bucket = new Bucket(BUCKET, "us-east-1", 0);
    bucket.versioning = "Enabled";
    for (const [key, content] of before.objects) bucket.put(key, content, 0);
    this.#s3.buckets.set(BUCKET, bucket);
    const zone = this.#route53.zones.get(this.zoneId);
    zone.records = before.records;
    try {
      const value = plain(this.#handle(request));
      const objects = new Map(bucket.objects().map((object) => [object.key, object]));
      return { state: { objects, records: zone.records }, reply: { value } };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const { code: name, message, status } = error;
      return { state: before, reply: { error: { name, message, status } } };
    }
  }

  #handle({ service, operation, input }: ServiceCall): unknown {
    const handler = this.#direct.handlers.get(`${service}.${operation}`);
    if (handler === undefined) throw new Error(`no handler for ${service}.${operation}`);
    const call: Call = {
      service,
      operation,
      input,
      accessKeyId: "AKIATEST",
      sessionToken: undefined,
      region: "us-east-1",
      requestId: "1",
      req: this.#req,
    };
    return handler(input as never, call);
  }
}

const WRITES = new Set(["PutObject", "ChangeResourceRecordSets"]);

/** What may become of a call: a read is answered; a write can also lose its reply, or its way. */
export function outcomes(services: Services, state: State, call: ServiceCall): Outcome<State>[] {
  const done = services.perform(state, call);
  const answered = { fate: "answered", ...done };
  if (!WRITES.has(call.operation)) return [answered];
  const nothing: Reply = { error: { name: "TimeoutError", message: "no answer" } };
  const again = services.perform(done.state, call);
  return [
    answered,
    { fate: "reply lost, sent again by the SDK", ...again },
    { fate: "reply lost for good", state: done.state, reply: nothing },
    { fate: "given up before it arrives", state, reply: nothing, late: true },
  ];
}

/** Everything that tells two states apart. */
export const keyOf = (state: State): string =>
  JSON.stringify([
    [...state.objects].map(([key, content]) => [key, Buffer.from(content.body).toString()]),
    [...state.records.values()],
  ]);

/** Output of a handler as plain data; bodies as text, no ids that differ from run to run. */
function plain(output: unknown): unknown {
  const given = (output as { output?: object }).output ?? output;
  return JSON.parse(
    JSON.stringify(given, (key, value) => {
      if (key === "VersionId" || key === "ChangeInfo" || key.startsWith("Checksum")) return undefined;
      return key === "Body" ? Buffer.from(value.data ?? value).toString() : value;
    }),
  );
}
