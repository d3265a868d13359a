import { expect, test } from "vitest";
import { type ForwardConfig, renderForward } from "../../../agent/handover/forward-config.ts";

const config: ForwardConfig = {
  socket: "/run/everspot/forward.sock",
  pid: "/run/everspot/forward.pid",
  log: "/var/log/nginx/forward.log",
  to: { address: "10.0.0.8", port: 8079 },
  app: "/run/everspot/app.sock",
  ...{ timeout: 30, live: false },
};

test("requests go to the new owner, and to the app here only if that cannot be reached", () => {
  const text = renderForward(config);
  expect(text).toMatch(
    /server 10\.0\.0\.8:8079 max_fails=0;\s+server unix:\/run\/everspot\/app\.sock backup;/,
  );
  expect(text).toContain("listen unix:/run/everspot/forward.sock backlog=4096;");
});

test("with state, no one here answers for a new owner that cannot be reached", () => {
  const text = renderForward({ ...config, app: undefined });
  expect(text).not.toMatch(/backup|app\.sock/);
  expect(text).toMatch(/error_page 502 = @sorry;[\s\S]+Retry-After 5 always;[\s\S]+return 503/);
});

test("what was held can go to the app of this machine", () => {
  const text = renderForward({ ...config, to: { socket: "/run/everspot-app/r1/app.sock" }, app: undefined });
  expect(text).toContain("server unix:/run/everspot-app/r1/app.sock max_fails=0;");
});

test("no POST is sent twice", () => {
  expect(renderForward(config)).toContain("proxy_next_upstream error timeout;");
  expect(renderForward(config)).not.toContain("non_idempotent");
});

test("connections that stay pass too, where the app speaks ASGI", () => {
  const live = renderForward({ ...config, live: true });
  expect(live).toContain("proxy_set_header Connection $app_connection;");
  expect(live).toContain('"~*^websocket$" websocket;');
  expect(live).toContain("proxy_read_timeout 3600s;");
  expect(renderForward(config)).toContain('proxy_set_header Connection "close";');
  expect(renderForward(config)).toContain("proxy_read_timeout 38s;");
});

test("what came in goes out as it came: who asked, and how, is not written again", () => {
  expect(renderForward(config)).not.toMatch(/X-Forwarded|X-Real-IP/);
});

test("an address that is none is refused", () => {
  expect(() => renderForward({ ...config, to: { address: "evil; }", port: 1 } })).toThrow(
    "not an IPv4 address",
  );
});
