/** What an ACME request says (RFC 8555 §6.2): a flattened JWS. Reading it takes no key. */
import { z } from "zod";

const envelope = z.object({ protected: z.string(), payload: z.string(), signature: z.string() });
const header = z.object({ kid: z.string().optional(), url: z.string(), nonce: z.string() });

export interface AcmeRequest {
  /** Account URL; undefined while there is none yet. */
  account: string | undefined;
  url: string;
  /** Undefined for POST-as-GET. */
  payload: unknown;
}

/** Undefined when it is not an ACME request. */
export function parseJws(body: string): AcmeRequest | undefined {
  const outer = envelope.safeParse(json(body));
  if (!outer.success) return undefined;
  const inner = header.safeParse(json(decode(outer.data.protected)));
  if (!inner.success) return undefined;
  const payload = outer.data.payload === "" ? undefined : json(decode(outer.data.payload));
  return { account: inner.data.kid, url: inner.data.url, payload };
}

const decode = (base64url: string): string => Buffer.from(base64url, "base64url").toString();

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
