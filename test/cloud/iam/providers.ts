import type * as SDK from "@aws-sdk/client-iam";
import type { Clock } from "../../../agent/site/clock.ts";
import { AwsError, type WireServer } from "../wire/server.ts";
import { type Entities, entityExists, type Provider, validation } from "./entities.ts";
import { addTags, tagList } from "./names.ts";
import { page } from "./page.ts";

/** Quota "Client IDs per OIDC provider". */
const CLIENT_IDS = 100;

/**
 * OIDC providers. AWS takes https issuers alone; an issuer on loopback may be http here, so that a test can serve
 * its own.
 */
export function registerProviders(wire: WireServer, entities: Entities, account: string, clock: Clock): void {
  const on = <I>(operation: string, handler: (input: I) => object | undefined): WireServer =>
    wire.on<I>("iam", operation, handler);
  const at = (input: { OpenIDConnectProviderArn: string | undefined }): Provider =>
    entities.provider(input.OpenIDConnectProviderArn);

  on("CreateOpenIDConnectProvider", (input: SDK.CreateOpenIDConnectProviderCommandInput) => {
    const url = issuerPath(input.Url ?? "");
    const arn = `arn:aws:iam::${account}:oidc-provider/${url}`;
    if (entities.providers.has(arn)) {
      throw entityExists(`Provider with url ${input.Url ?? ""} already exists.`);
    }
    const provider: Provider = {
      arn,
      url,
      clientIds: assertClientIds([...(input.ClientIDList ?? [])]),
      thumbprints: assertThumbprints(input.ThumbprintList ?? []),
      created: new Date(clock.now()),
      tags: new Map(),
    };
    addTags(provider.tags, input.Tags);
    entities.providers.set(arn, provider);
    return { OpenIDConnectProviderArn: arn, ...tagsOf(provider) };
  });
  on("GetOpenIDConnectProvider", (input: SDK.GetOpenIDConnectProviderCommandInput) => {
    const provider = at(input);
    return {
      Url: provider.url,
      ClientIDList: provider.clientIds,
      ThumbprintList: provider.thumbprints,
      CreateDate: provider.created,
      ...tagsOf(provider),
    };
  });
  on("ListOpenIDConnectProviders", () => ({
    OpenIDConnectProviderList: [...entities.providers.keys()].sort().map((Arn) => ({ Arn })),
  }));
  on("DeleteOpenIDConnectProvider", (input: SDK.DeleteOpenIDConnectProviderCommandInput) => {
    entities.providers.delete(at(input).arn);
    return {};
  });
  on("AddClientIDToOpenIDConnectProvider", (input: SDK.AddClientIDToOpenIDConnectProviderCommandInput) => {
    const provider = at(input);
    provider.clientIds = assertClientIds([...new Set([...provider.clientIds, input.ClientID ?? ""])]);
    return {};
  });
  on(
    "RemoveClientIDFromOpenIDConnectProvider",
    (input: SDK.RemoveClientIDFromOpenIDConnectProviderCommandInput) => {
      const provider = at(input);
      provider.clientIds = provider.clientIds.filter((id) => id !== input.ClientID);
      return {};
    },
  );
  on(
    "UpdateOpenIDConnectProviderThumbprint",
    (input: SDK.UpdateOpenIDConnectProviderThumbprintCommandInput) => {
      at(input).thumbprints = assertThumbprints(input.ThumbprintList ?? []);
      return {};
    },
  );
  on("TagOpenIDConnectProvider", (input: SDK.TagOpenIDConnectProviderCommandInput) => {
    addTags(at(input).tags, input.Tags);
    return {};
  });
  on("UntagOpenIDConnectProvider", (input: SDK.UntagOpenIDConnectProviderCommandInput) => {
    for (const key of input.TagKeys ?? []) at(input).tags.delete(key);
    return {};
  });
  on("ListOpenIDConnectProviderTags", (input: SDK.ListOpenIDConnectProviderTagsCommandInput) => {
    const { items, paging } = page(tagList(at(input).tags), input);
    return { Tags: items, ...paging };
  });
}

const tagsOf = (provider: Provider): { Tags?: { Key: string; Value: string }[] } =>
  provider.tags.size === 0 ? {} : { Tags: tagList(provider.tags) };

function issuerPath(url: string): string {
  if (!/^https:\/\/[^/?#]+[^?#]*$|^http:\/\/(127\.\d+\.\d+\.\d+|localhost)(:\d+)?(\/[^?#]*)?$/.test(url)) {
    throw validation("Invalid Open ID Connect Provider URL");
  }
  return url.replace(/^https?:\/\//, "").replace(/\/$/, "");
}

function assertClientIds(ids: string[]): string[] {
  if (ids.some((id) => id === "" || id.length > 255)) throw validation("Invalid client ID.");
  if (ids.length > CLIENT_IDS) {
    throw new AwsError(
      "LimitExceeded",
      `Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: ${CLIENT_IDS}`,
      409,
    );
  }
  return ids;
}

function assertThumbprints(given: readonly string[]): string[] {
  if (given.length > 5)
    throw new AwsError("InvalidInput", "Thumbprint list must contain fewer than 5 entries.", 400);
  for (const thumbprint of given) {
    if (!/^[0-9a-fA-F]{40}$/.test(thumbprint)) {
      throw validation("Thumbprint must be a 40 character long hexadecimal string.");
    }
  }
  return given.map((t) => t.toLowerCase());
}
