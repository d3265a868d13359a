import type { ClientRequest } from "node:http";

/**
 * Ends a request that is not over after `ms` milliseconds, with an error named TimeoutError. Not AbortSignal.any with
 * a timeout: Node 20 may collect that as garbage before it fires.
 */
export function giveUpAfter(request: ClientRequest, ms: number): void {
  const silence = Object.assign(new Error("no answer"), { name: "TimeoutError" });
  const timer = setTimeout(() => request.destroy(silence), ms);
  request.on("close", () => clearTimeout(timer));
}
