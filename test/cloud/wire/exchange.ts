/** A request within this process and its answer, and who watches them. */
import diagnostics from "node:diagnostics_channel";
import type { HttpRequest, HttpResponse } from "@smithy/core/protocols";

/** What a watcher of requests is told: of ours the same as Node tells of its own. */
export const sentChannel = diagnostics.channel("everspot.wire.request.start");
export const answeredChannel = diagnostics.channel("everspot.wire.request.end");

export interface Exchange {
  request: HttpRequest;
  /** Of the answer; undefined while there is none. */
  status?: number;
}

/** What came back of a call: until one of both was called it is under way to whoever watches. */
export interface Come {
  /** Whether it is an answer that nothing is to be done about: no error of the server, no other clock than ours. */
  isUsual: boolean;
  /** The response for this request; throws what came in place of one. */
  conclude(request: HttpRequest): HttpResponse;
  /** No one wants it any more. */
  drop(): void;
}

/** Makes a call to the server at this host and port. */
export type Offer = (at: string, request: HttpRequest, signal: AbortSignal | undefined) => Promise<Come>;

/** @param exchange undefined where no one was told that it began. */
export function come(
  exchange: Exchange | undefined,
  isUsual: boolean,
  respond: (request: HttpRequest) => HttpResponse,
): Come {
  let open = exchange;
  const drop = () => {
    const ended = open;
    open = undefined;
    if (ended !== undefined) answeredChannel.publish(ended);
  };
  const conclude = (request: HttpRequest) => {
    if (open !== undefined) open.request = request;
    drop();
    return respond(request);
  };
  return { isUsual, conclude, drop };
}
