import type { Answer } from "dns-packet";
import type { RecordSet } from "../route53/record-sets.ts";
import { characterStrings } from "../route53/values.ts";
import { ContractError } from "../wire/server.ts";

const bare = (name: string): string => name.replace(/\.$/, "");

/** A record set as answers of a DNS packet, under the name that was asked. */
export const toAnswers = (set: RecordSet, owner: string): Answer[] =>
  set.values.map((value) => toAnswer(set.type, bare(owner), set.ttl ?? 60, value));

function toAnswer(type: string, name: string, ttl: number, value: string): Answer {
  switch (type) {
    case "A":
    case "AAAA":
      return { type, name, ttl, data: value };
    case "CNAME":
    case "NS":
    case "PTR":
      return { type, name, ttl, data: bare(value) };
    case "TXT":
      return { type, name, ttl, data: characterStrings(value) ?? [] };
    case "MX": {
      const [preference, exchange = ""] = value.split(/\s+/);
      return { type, name, ttl, data: { preference: Number(preference), exchange: bare(exchange) } };
    }
    case "CAA": {
      const [, flags, tag, text] = /^(\d+) (\w+) "([^"]*)"$/.exec(value) ?? [];
      return {
        type,
        name,
        ttl,
        data: { flags: Number(flags), tag: tag as "issue" | "issuewild" | "iodef", value: text ?? "" },
      };
    }
    case "SOA": {
      const [mname = "", rname = "", ...numbers] = value.split(/\s+/);
      const [serial, refresh, retry, expire, minimum] = numbers.map(Number);
      return {
        type,
        name,
        ttl,
        data: { mname: bare(mname), rname: bare(rname), serial, refresh, retry, expire, minimum },
      } as Answer;
    }
    default:
      throw new ContractError(`no DNS form for records of type ${type}`);
  }
}
