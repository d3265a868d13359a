import {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  type Route53Client,
} from "@aws-sdk/client-route-53";
import { type Change, ChangeRejected, type RecordSet, type Zone } from "../ports/zone.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

/** TXT rdata is one or more quoted strings of at most 255 bytes each (RFC 1035 §3.3.14). */
const quoteTxt = (text: string): string =>
  (text.match(/.{1,255}/gs) ?? [""]).map((part) => `"${part.replace(/["\\]/g, "\\$&")}"`).join(" ");

const unquoteTxt = (rdata: string): string =>
  [...rdata.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((m) => (m[1] ?? "").replace(/\\(.)/g, "$1")).join("");

/** Route 53 returns names in lower case, with a trailing dot and `*` as `\052`. */
const canonical = (name: string): string =>
  `${name.toLowerCase().replace(/\.$/, "").replaceAll("*", "\\052")}.`;

function toWire(record: RecordSet): ResourceRecordSet {
  const value = record.type === "TXT" ? quoteTxt : (v: string) => v;
  return {
    Name: record.name,
    Type: record.type,
    TTL: record.ttl,
    ResourceRecords: record.values.map((v) => ({ Value: value(v) })),
  };
}

/** `zoneId` without "/hostedzone/". */
export function createZone(client: Route53Client, zoneId: string): Zone {
  const named = <T>(doing: string, run: () => Promise<T>): Promise<T> =>
    run().catch((error: unknown) => {
      throw classify(error, doing, zoneId);
    });
  return {
    find: (name, type) =>
      named(`reading ${type} ${name}`, async () => {
        const answer = await client.send(
          new ListResourceRecordSetsCommand({
            HostedZoneId: zoneId,
            StartRecordName: name,
            StartRecordType: type,
            MaxItems: 1,
          }),
        );
        const found = answer.ResourceRecordSets?.[0];
        if (found?.Name !== canonical(name) || found.Type !== type) return undefined;
        if (found.SetIdentifier !== undefined) {
          throw new EverspotError(`the ${type} record of ${name} has a routing policy`, {
            resource: `hosted zone ${zoneId}`,
            retry: "fatal",
            hint: "everspot owns this name: delete its records with a routing policy in the Route 53 console",
          });
        }
        if (found.TTL === undefined) {
          throw new EverspotError(`the ${type} record of ${name} is an alias record`, {
            hint: "everspot owns this name: delete the alias record in the Route 53 console",
          });
        }
        const values = (found.ResourceRecords ?? []).map((r) => r.Value ?? "");
        return { name, type, ttl: found.TTL, values: type === "TXT" ? values.map(unquoteTxt) : values };
      }),
    change: (changes) =>
      named("changing records", async () => {
        const answer = await client.send(
          new ChangeResourceRecordSetsCommand({
            HostedZoneId: zoneId,
            ChangeBatch: {
              Changes: changes.map((c: Change) => ({
                Action: c.action,
                ResourceRecordSet: toWire(c.record),
              })),
            },
          }),
        );
        return (answer.ChangeInfo?.Id ?? "").replace("/change/", "");
      }),
    settled: (id) =>
      named(`asking for change ${id}`, async () => {
        const answer = await client.send(new GetChangeCommand({ Id: id }));
        return answer.ChangeInfo?.Status === "INSYNC";
      }),
  };
}

function classify(error: unknown, doing: string, zoneId: string): unknown {
  if (error instanceof EverspotError) return error;
  const name = error instanceof Error ? error.name : "";
  if (name === "InvalidChangeBatch") return new ChangeRejected(messageOf(error), { cause: error });
  const denied = /AccessDenied/.test(name);
  return new EverspotError(`Route 53: ${doing}: ${messageOf(error)}`, {
    resource: `hosted zone ${zoneId}`,
    retry: denied || name === "NoSuchHostedZone" ? "fatal" : "retry",
    hint: denied ? "the instance's role does not allow this; run `everspot up` to correct it" : undefined,
    cause: error,
  });
}
