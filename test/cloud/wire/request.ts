import { jsonCodec } from "./codec.ts";
import { ContractError } from "./errors.ts";
import { readQuery } from "./query.ts";
import type { Parsed, RawRequest } from "./raw-request.ts";
import { readRest } from "./rest.ts";
import type { Dict } from "./schema.ts";
import type { Service } from "./service.ts";
import { assertKnownMembers } from "./strict.ts";

/** @throws ContractError when the request is none an SDK of this service could have sent. */
export async function parseRequest(service: Service, request: RawRequest): Promise<Parsed> {
  switch (service.protocol) {
    case "awsJson":
      return parseJson(service, request);
    case "ec2Query":
    case "awsQuery":
      return parseQuery(service, service.protocol, request);
    case "restXml":
    case "restJson1":
      return readRest(service, request);
  }
}

async function parseJson(service: Service, request: RawRequest): Promise<Parsed> {
  const target = request.headers["x-amz-target"] ?? "";
  const [prefix, name = ""] = target.split(".");
  const operation = service.operations.get(name);
  if (operation === undefined || prefix !== service.targetPrefix) {
    throw new ContractError(`${service.signingName} has no target ${target}`);
  }
  const json = request.body.toString("utf8") || "{}";
  assertKnownMembers(operation.input, JSON.parse(json), `${service.signingName}.${name} input`);
  const input = await jsonCodec(false).createDeserializer().read(operation.input, json);
  return { operation, input: input as Dict };
}

function parseQuery(service: Service, dialect: "ec2Query" | "awsQuery", request: RawRequest): Parsed {
  const form = new URLSearchParams(request.body.toString("utf8"));
  for (const [key, value] of request.url.searchParams) {
    if (!/^x-amz-/i.test(key)) form.append(key, value);
  }
  const action = form.get("Action") ?? "";
  const operation = service.operations.get(action);
  if (operation === undefined) throw new ContractError(`${service.signingName} has no action ${action}`);
  if (form.get("Version") !== service.version) {
    throw new ContractError(`${action}: version ${form.get("Version")}, want ${service.version}`);
  }
  form.delete("Action");
  form.delete("Version");
  return { operation, input: readQuery(operation.input, form, dialect) };
}
