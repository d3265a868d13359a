import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { ContractError } from "./errors.ts";

/**
 * The whole body in one buffer, made at its final size when the headers tell that, so that a large upload is in
 * memory once.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  let body = Buffer.allocUnsafe(likelyLength(request.headers));
  let at = 0;
  await new Promise<void>((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      if (at + chunk.length > body.length) {
        body = Buffer.concat([body.subarray(0, at), Buffer.allocUnsafe(at + chunk.length)]);
      }
      at += chunk.copy(body, at);
    });
    request.once("end", resolve).once("error", reject);
    request.once("close", () => {
      if (!request.complete) reject(new Error("the connection closed within a request"));
    });
  });
  return body.subarray(0, at);
}

/** Of an aws-chunked body only the length without the chunks' own lines is reported. */
function likelyLength(headers: IncomingHttpHeaders): number {
  const whole = Number(headers["content-length"]);
  if (Number.isFinite(whole)) return whole;
  const decoded = Number(headers["x-amz-decoded-content-length"]);
  return Number.isFinite(decoded) ? Math.ceil(decoded * 1.01) + 1024 : 0;
}

export interface Unchunked {
  body: Buffer;
  /** Lower-case names. */
  trailers: Record<string, string>;
}

/**
 * Undoes `Content-Encoding: aws-chunked`: chunks of "<hex size>[;chunk-signature=…]\r\n<bytes>\r\n", a last one
 * of size 0, then trailing headers. The bytes move forward within the same buffer.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
export function unchunk(raw: Buffer): Unchunked {
  let from = 0;
  let to = 0;
  for (;;) {
    const lineEnd = raw.indexOf("\r\n", from);
    const header = lineEnd < 0 ? "" : raw.toString("latin1", from, lineEnd);
    const size = /^[0-9a-f]+(?=;|$)/i.exec(header)?.[0];
    if (size === undefined) throw new ContractError(`aws-chunked: no chunk size at byte ${from}`);
    from = lineEnd + 2;
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    if (raw.indexOf("\r\n", from + length) !== from + length) {
      throw new ContractError(`aws-chunked: the chunk of ${length} bytes at byte ${from} has another length`);
    }
    raw.copyWithin(to, from, from + length);
    to += length;
    from += length + 2;
  }
  return { body: raw.subarray(0, to), trailers: readTrailers(raw.toString("latin1", from)) };
}

function readTrailers(lines: string): Record<string, string> {
  const pairs = lines.split("\r\n").flatMap((line) => {
    const colon = line.indexOf(":");
    return colon > 0 ? [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const] : [];
  });
  return Object.fromEntries(pairs);
}
