/** Before each test file; several share a process (vitest.config.ts). */
import net from "node:net";
import { afterAll } from "vitest";

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost|.*\.localhost)$/;
const connect = net.Socket.prototype.connect;

/** Refuses every in-process connection that leaves loopback: a test that tries fails with the address it wanted. */
function guarded(this: net.Socket, ...args: unknown[]): net.Socket {
  const first = (Array.isArray(args[0]) ? args[0][0] : args[0]) as { host?: string; path?: string } | number;
  const host = typeof first === "object" ? first.host : typeof args[1] === "string" ? args[1] : undefined;
  if (host !== undefined && !loopback.test(host)) {
    throw new Error(`test tried to connect to ${host}: tests may use loopback only`);
  }
  return (connect as (...a: unknown[]) => net.Socket).apply(this, args);
}
if (connect.name !== guarded.name) net.Socket.prototype.connect = guarded as typeof connect;

/** What a file did to the environment ends with it. */
const environment = { ...process.env };
afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
