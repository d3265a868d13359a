import {
  DeleteParameterCommand,
  PutParameterCommand,
  paginateGetParametersByPath,
  type SSMClient,
} from "@aws-sdk/client-ssm";
import { secretPath } from "../../agent/site/names.ts";
import { hasCode, named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { siteTags } from "./tags.ts";

export interface SecretSeen {
  name: string;
  changed: Date;
}

/** Secrets in SSM: parameters of type SecureString below a path of the site's. Values are written, never read. */
export interface Secrets {
  /** By name. */
  list(): Promise<SecretSeen[]>;
  /** @returns whether a secret of this name existed before. */
  set(name: string, value: string): Promise<boolean>;
  /** Leaves one of this name that exists as it is. */
  make(name: string, value: string): Promise<void>;
  /** @returns whether it existed. */
  unset(name: string): Promise<boolean>;
}

/** @param path with the slash at its end; the app's secrets where none is given. */
export function createSecrets(client: SSMClient, site: string, path = secretPath(site)): Secrets {
  return {
    list: () =>
      named("listing the secrets", async () => {
        const query = { Path: path.replace(/\/$/, ""), Recursive: false, WithDecryption: false };
        const found = await gather(paginateGetParametersByPath({ client }, query), (page) => page.Parameters);
        return found
          .map((p) => ({
            name: (p.Name ?? "").slice(path.length),
            changed: p.LastModifiedDate ?? new Date(0),
          }))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
      }),
    set: (name, value) =>
      named(`setting the secret ${name}`, async () => {
        const parameter = { Name: path + name, Value: value, Type: "SecureString" as const };
        try {
          // Only a new parameter takes tags.
          await client.send(new PutParameterCommand({ ...parameter, Tags: siteTags(site) }));
          return false;
        } catch (error) {
          if (!hasCode(error, "ParameterAlreadyExists")) throw error;
        }
        await client.send(new PutParameterCommand({ ...parameter, Overwrite: true }));
        return true;
      }),
    make: (name, value) =>
      named(`making the secret ${name}`, async () => {
        const parameter = { Name: path + name, Value: value, Type: "SecureString" as const };
        try {
          await client.send(new PutParameterCommand({ ...parameter, Tags: siteTags(site) }));
        } catch (error) {
          if (!hasCode(error, "ParameterAlreadyExists")) throw error;
        }
      }),
    unset: (name) =>
      named(`deleting the secret ${name}`, async () => {
        try {
          await client.send(new DeleteParameterCommand({ Name: path + name }));
          return true;
        } catch (error) {
          if (!hasCode(error, "ParameterNotFound")) throw error;
          return false;
        }
      }),
  };
}
