import { AwsError } from "../wire/errors.ts";

export interface Page<T> {
  items: T[];
  nextToken: string | undefined;
}

/** Where AWS pages: the least and greatest MaxResults. */
export interface PageLimits {
  min: number;
  max: number;
}

/**
 * One page of a listing. Without MaxResults a page holds `pageSize` items, so that tests can force small pages
 * on callers that rely on AWS's large ones.
 * @throws AwsError for a MaxResults AWS would not take, or a token it did not give.
 */
export function page<T>(
  items: readonly T[],
  input: { MaxResults?: number | undefined; NextToken?: string | undefined },
  pageSize: number,
  limits: PageLimits = { min: 5, max: 1000 },
): Page<T> {
  const size = input.MaxResults ?? pageSize;
  if (input.MaxResults !== undefined && (size < limits.min || size > limits.max)) {
    throw new AwsError(
      "InvalidParameterValue",
      `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value between ${limits.min} and ${limits.max}.`,
    );
  }
  const from = input.NextToken === undefined ? 0 : offset(input.NextToken);
  const to = from + size;
  return { items: items.slice(from, to), nextToken: to < items.length ? token(to) : undefined };
}

const token = (at: number): string => Buffer.from(`everspot-page:${at}`).toString("base64url");

function offset(value: string): number {
  const at = /^everspot-page:(\d+)$/.exec(Buffer.from(value, "base64url").toString())?.[1];
  if (at === undefined) {
    throw new AwsError("InvalidNextToken", `The specified NextToken is not valid: ${value}`);
  }
  return Number(at);
}
