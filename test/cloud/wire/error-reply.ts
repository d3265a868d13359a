import type { AwsError } from "./errors.ts";
import type { WireReply } from "./reply.ts";
import type { Service } from "./service.ts";

/** Every protocol has an envelope of its own; S3 has a third for XML. `service` is undefined when unknown. */
export function writeError(service: Service | undefined, error: AwsError, requestId: string): WireReply {
  const { status, headers } = error;
  if (status === 304) return { status, headers: { ...headers }, body: "" };
  if (service?.protocol === "awsJson" || service?.protocol === "restJson1") {
    return {
      status,
      headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code, ...headers },
      body: JSON.stringify({ __type: error.code, message: error.message, ...error.extra }),
    };
  }
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n${envelope(service, error, requestId)}`;
  return { status, headers: { "content-type": "application/xml", ...headers }, body };
}

function envelope(service: Service | undefined, error: AwsError, requestId: string): string {
  const fields = Object.entries({ Code: error.code, Message: error.message, ...error.extra })
    .map(([name, value]) => `<${name}>${escaped(value)}</${name}>`)
    .join("");
  if (service?.protocol === "ec2Query") {
    return `<Response><Errors><Error>${fields}</Error></Errors><RequestID>${requestId}</RequestID></Response>`;
  }
  if (service === undefined || service.signingName === "s3") {
    return `<Error>${fields}<RequestId>${requestId}</RequestId></Error>`;
  }
  const blame = error.status < 500 ? "Sender" : "Receiver";
  return `<ErrorResponse xmlns="${service.xmlNamespace}"><Error><Type>${blame}</Type>${fields}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
}

const escaped = (value: string): string => value.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
