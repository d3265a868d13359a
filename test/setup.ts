/** Refuses every in-process connection that leaves loopback: a test that tries fails with the address it wanted. */
import net from "node:net";

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost|.*\.localhost)$/;
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function guarded(this: net.Socket, ...args: unknown[]) {
  const first = (Array.isArray(args[0]) ? args[0][0] : args[0]) as { host?: string; path?: string } | number;
  const host = typeof first === "object" ? first.host : typeof args[1] === "string" ? args[1] : undefined;
  if (host !== undefined && !loopback.test(host)) {
    throw new Error(`test tried to connect to ${host}: tests may use loopback only`);
  }
  return (connect as (...a: unknown[]) => net.Socket).apply(this, args);
} as typeof connect;
