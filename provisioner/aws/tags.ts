import { resourceName, SITE_TAG } from "../../agent/site/names.ts";

export interface Tag {
  Key: string;
  Value: string;
}

/** The tag that every resource of a site carries. */
export const siteTags = (site: string): Tag[] => [
  { Key: SITE_TAG, Value: site },
  { Key: "Name", Value: resourceName(site) },
];

export const siteFilter = (site: string) => ({ Name: `tag:${SITE_TAG}`, Values: [site] });

export const tagOf = (
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
  key: string,
) => tags?.find((tag) => tag.Key === key)?.Value;
