import type { Dict } from "./schema.ts";
import type { Operation } from "./service.ts";

/** A request as it came, its body complete and without transfer codings of AWS's own. */
export interface RawRequest {
  method: string;
  url: URL;
  /** Lower-case names; trailers included. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

export interface Parsed {
  operation: Operation;
  input: Dict;
}
