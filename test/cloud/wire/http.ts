import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readBody, unchunk } from "./body.ts";
import { AwsError } from "./errors.ts";
import type { RawRequest } from "./raw-request.ts";
import type { WireReply } from "./reply.ts";
import type { SignedRequest } from "./signature.ts";

/** A request as it was signed and sent. */
export type SentRequest = SignedRequest & { body: Buffer };

export async function receive(req: IncomingMessage): Promise<SentRequest> {
  const headers: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(req.headers)) {
    headers[name] = Array.isArray(value) ? value.join(",") : value;
  }
  return {
    method: req.method ?? "",
    target: req.url ?? "/",
    headers,
    body: await readBody(req),
  };
}

/** The request without `Content-Encoding: aws-chunked`; its trailers become headers. */
export function plainRequest(sent: SentRequest): RawRequest {
  const url = new URL(`http://aws${sent.target}`);
  const encoding = sent.headers["content-encoding"] ?? "";
  if (!encoding.includes("aws-chunked")) return { ...sent, url };
  const { body, trailers } = unchunk(sent.body);
  const announced = sent.headers["x-amz-decoded-content-length"];
  if (announced !== undefined && Number(announced) !== body.length) {
    throw new AwsError(
      "IncompleteBody",
      "You did not provide the number of bytes specified by the Content-Length HTTP header",
    );
  }
  const rest = encoding
    .split(",")
    .filter((e) => e.trim() !== "aws-chunked")
    .join(",");
  const headers: Record<string, string> = { ...sent.headers, ...trailers };
  if (rest === "") delete headers["content-encoding"];
  else headers["content-encoding"] = rest;
  return { ...sent, url, headers, body };
}

/** Sends a reply; a stream that is not as long as announced rejects. */
export async function send(req: IncomingMessage, res: ServerResponse, reply: WireReply): Promise<void> {
  const { status, headers, body } = reply;
  const told =
    body instanceof Readable || status === 304 ? {} : { "content-length": String(Buffer.byteLength(body)) };
  res.writeHead(status, { ...told, ...headers });
  if (req.method === "HEAD") res.end();
  else if (body instanceof Readable) {
    res.strictContentLength = true;
    await pipeline(body, res, { end: false });
    res.end();
  } else res.end(body);
}
