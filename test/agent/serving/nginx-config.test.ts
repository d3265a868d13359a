import { describe, expect, test } from "vitest";
import { type NginxSite, renderNginx } from "../../../agent/serving/nginx-config.ts";
import { sorryPage } from "../../../agent/serving/sorry-page.ts";

const site: NginxSite = {
  address: "10.0.0.7",
  names: ["blog.example", "www.Blog.example"],
  tls: {
    chain: "/var/lib/everspot/certificates/current/fullchain.pem",
    key: "/var/lib/everspot/certificates/current/privkey.pem",
  },
  trusted: true,
  socket: "/run/everspot/app.sock",
  forwarding: { marker: "/run/everspot/forwarding", socket: "/run/everspot/forward.sock" },
  closing: "/run/everspot/closing",
  forwardPort: 8079,
  maintenance: {
    marker: "/run/everspot/maintenance/on",
    page: "/run/everspot/maintenance/page.html",
    allowed: "/run/everspot/maintenance/allowed",
  },
  static: [{ url: "/static/", folder: "/run/everspot/static", before: "/run/everspot/static-before" }],
  ...{ paths: [], live: false, headers: {} },
  timeout: 30,
  maxBody: 32,
  hsts: 3600,
  os: "debian-13",
};

/** The server blocks of a configuration, in order. */
const servers = (text: string): string[] => text.split(/^ {4}server \{$/m).slice(1);

test("listens on the instance's own address only", () => {
  const listens = [...renderNginx(site).matchAll(/listen ([^ ;]+)/g)].map((m) => m[1]);
  expect(new Set(listens)).toEqual(new Set(["10.0.0.7:80", "10.0.0.7:443", "10.0.0.7:8079"]));
});

test("other names reach neither the site nor its certificate", () => {
  const [plain = "", tls = ""] = servers(renderNginx(site));
  expect(plain).toMatch(/default_server.*return 444;/s);
  expect(tls).toMatch(/default_server.*ssl_reject_handshake on;.*return 421;/s);
  expect(plain + tls).not.toMatch(/ssl_certificate|proxy_pass/);
});

test("a trusted site redirects plain HTTP and sends HSTS", () => {
  const [, , plain = "", tls = ""] = servers(renderNginx(site));
  expect(plain).toContain("server_name blog.example www.blog.example;");
  expect(plain).toContain("return 301 https://$host$request_uri;");
  expect(plain).not.toContain("proxy_pass");
  expect(tls).toContain('add_header Strict-Transport-Security "max-age=3600" always;');
  expect(renderNginx({ ...site, hsts: 0 })).not.toContain("Strict-Transport-Security");
});

test("with a certificate no one trusts, plain HTTP serves the site and HSTS stays off", () => {
  const [, , plain = "", tls = ""] = servers(renderNginx({ ...site, trusted: false }));
  expect(plain).toContain("proxy_pass http://unix:/run/everspot/app.sock:;");
  expect(plain).not.toContain("return 301");
  expect(tls).not.toContain("Strict-Transport-Security");
});

test("passes on who asked and how, and nothing a visitor made up", () => {
  const text = renderNginx(site);
  for (const line of [
    "proxy_set_header Host $host;",
    "proxy_set_header X-Forwarded-For $remote_addr;",
    "proxy_set_header X-Forwarded-Proto $scheme;",
    'proxy_set_header Proxy "";',
    'proxy_set_header X-Forwarded-Ssl "";',
    'proxy_set_header Remote-User "";',
    "underscores_in_headers off;",
  ]) {
    expect(text).toContain(line);
  }
  expect(text).toContain("proxy_read_timeout 35s;");
});

test("every answer to a visitor over HTTPS carries HSTS, whatever else its location adds", () => {
  const [, , , tls = ""] = servers(renderNginx(site));
  const locations = tls.split(/^ {8}location /m).slice(1);
  const adding = locations.filter((location) => location.includes("add_header"));
  expect(adding.map((location) => location.split(" {")[0])).toEqual([
    "^~ /static/",
    "@before",
    "@closing-static",
    "@sorry",
    "= /.everspot-maintenance",
  ]);
  for (const location of adding) expect(location).toContain("Strict-Transport-Security");
  const [, , plain = ""] = servers(renderNginx({ ...site, trusted: false }));
  expect(plain).not.toContain("Strict-Transport-Security");
});

test("links among static files are not followed, but the one that a release renames", () => {
  expect(renderNginx(site).match(/disable_symlinks on "from=\/run\/everspot\/static";/g)).toHaveLength(4);
});

test("a static file is taken for nothing but what it says it is, wherever it was found", () => {
  const served = renderNginx(site)
    .split(/^ {8}location /m)
    .filter((location) => /^ +disable_symlinks on /m.test(location));
  expect(served).toHaveLength(6);
  for (const location of served) expect(location).toContain("add_header X-Content-Type-Options nosniff;");
});

test("one visitor's requests are limited, those that another instance passes on are not", () => {
  const all = servers(renderNginx(site));
  const limited = all.filter((server) => server.includes("limit_conn address"));
  expect(limited).toEqual([all[2], all[3]]);
});

test("static files come from nginx, if there are any", () => {
  expect(renderNginx(site)).toMatch(
    /location \^~ \/static\/ \{[^@]+@forward;[^}]+\}[^}]+\}[^}]+\}\s+alias \/run\/everspot\/static\/;/,
  );
  expect(renderNginx({ ...site, static: [] })).not.toContain("alias /run/everspot/static");
});

test("a static file that is not there is looked for among those of before, and then asked of the app", () => {
  const locations = renderNginx(site).split(/^ {8}location /m);
  const leadsTo = (name: string) =>
    locations
      .filter((location) => location.startsWith(`${name} {`))
      .map((location) => /error_page 404 = (\S+);/.exec(location)?.[1]);
  expect(new Set(leadsTo("^~ /static/"))).toEqual(new Set(["@before"]));
  expect(new Set(leadsTo("@before"))).toEqual(new Set(["@missed"]));
  expect(new Set(leadsTo("@closing-static"))).toEqual(new Set(["@closing-missed"]));
  const missed = locations.filter((location) => /^@(closing-)?missed \{/.test(location));
  for (const location of missed) {
    expect(location).toContain("proxy_pass http://unix:/run/everspot/app.sock:$request_uri;");
  }
  expect(missed).toHaveLength(4);
});

test("before a reload, answers close their connections, those with static files too", () => {
  const text = renderNginx(site);
  expect(text.match(/if \(-e \/run\/everspot\/closing\) \{\s+return 419;/g)).toHaveLength(4);
  expect(text).toMatch(
    /location @closing \{\s+keepalive_timeout 0;\s+proxy_pass http:\/\/unix:\/run\/everspot\/app.sock:;/,
  );
  expect(text).toMatch(
    /location @closing-static \{\s+keepalive_timeout 0;[^}]+root \/run\/everspot\/static;/,
  );
  expect(renderNginx({ ...site, static: [] })).not.toContain("closing-static");
});

test("the forwarding port believes the other instance about who asked, and only that port does", () => {
  const all = servers(renderNginx(site));
  const peer = all.filter((server) => server.includes("listen 10.0.0.7:8079"));
  expect(peer).toHaveLength(2);
  expect(peer[0]).toMatch(/default_server.*return 444;/s);
  expect(peer[1]).toContain("proxy_set_header X-Forwarded-For $http_x_forwarded_for;");
  expect(peer[1]).toContain("proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;");
  for (const server of all.filter((s) => !peer.includes(s)))
    expect(server).not.toContain("$http_x_forwarded");
});

test("HTTP/2 is switched on the way each nginx wants it", () => {
  const tls = servers(renderNginx(site)).filter((server) => server.includes(":443 ssl"));
  expect(tls).toHaveLength(2);
  for (const server of tls) expect(server).toContain("http2 on;");
  expect(renderNginx(site)).not.toContain("ssl http2");
  expect(renderNginx({ ...site, os: "debian-12" })).toContain("listen 10.0.0.7:443 ssl http2;");
  expect(renderNginx({ ...site, os: "debian-12" })).not.toContain("http2 on;");
});

describe("refuses what could break out of its place:", () => {
  test.each<[string, Partial<NginxSite>]>([
    ["a name", { names: ["a.example; return 200"] }],
    ["an address", { address: "0.0.0.0:80 default" }],
    ["a URL prefix", { static: [{ url: "/static/ { }", folder: "/x", before: "/y" }] }],
    [
      "a folder that leaves the release",
      { static: [{ url: "/static/", folder: "/run/everspot/release/../..", before: "/y" }] },
    ],
    ["a folder with a variable", { static: [{ url: "/static/", folder: "/x/$uri", before: "/y" }] }],
  ])("%s", (_, change) => {
    expect(() => renderNginx({ ...site, ...change })).toThrow("cannot be used as");
  });
});

test("the 503 page fits a quoted directive", () => {
  expect(sorryPage).not.toMatch(/['$\\\n]/);
  expect(renderNginx(site)).toMatch(/add_header Retry-After \d+ always;/);
});

test("a request carries as much as the configuration says", () => {
  expect(renderNginx(site)).toContain("    client_max_body_size 32m;\n");
  expect(renderNginx({ ...site, maxBody: 500 })).toContain("    client_max_body_size 500m;\n");
});

test("with state, a request may wait for as long as a hand-over holds it; another instance can ask to look", () => {
  const text = renderNginx({ ...site, hold: 300, asked: "/run/everspot/asked.sock" });
  const [visitor = "", peer = ""] = [servers(text)[3], servers(text)[5]];
  expect(visitor).toContain(`proxy_read_timeout ${site.timeout + 305}s;`);
  expect(visitor).toContain("proxy_send_timeout 330s;");
  expect(visitor).toContain("limit_conn address 1024;");
  expect(visitor).not.toContain("asked.sock");
  expect(peer).toContain("location = /.well-known/everspot/look {");
  // It says nothing: the app of another instance could say it as well.
  expect(peer).toContain("proxy_pass_request_body off;");
});

test("without state, nothing waits longer than the app may take", () => {
  expect(renderNginx(site)).not.toContain("look {");
  expect(renderNginx(site)).toContain("proxy_send_timeout 30s;");
});

describe("each answer to a visitor", () => {
  const headers = { "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'self'; x \"y\" \\" };
  const added = [
    'add_header Strict-Transport-Security "max-age=3600" always;',
    'add_header X-Frame-Options "DENY" always;',
    'add_header Content-Security-Policy "default-src \'self\'; x \\"y\\" \\\\" always;',
  ];
  /** Blocks that add a header, and so leave out those around them. */
  const adding = (server: string) => server.split(/^ {8}location /m).filter((l) => l.includes("add_header"));

  test("carries what the configuration says, in each location that says anything of its own", () => {
    const text = renderNginx({ ...site, headers, redirectTo: "blog.example", live: true });
    for (const server of servers(text).filter((s) => s.includes(":443 ssl") && !s.includes("reject"))) {
      expect(adding(server).length).toBeGreaterThan(0);
      for (const block of adding(server)) for (const line of added) expect(block).toContain(line);
    }
    // An instance that passes requests on adds them itself.
    expect(servers(text).at(-1)).not.toContain("X-Frame-Options");
  });

  test("carries the app's own of the same name no more", () => {
    const [, , , tls = ""] = servers(renderNginx({ ...site, headers }));
    expect(tls).toMatch(/^ +proxy_hide_header X-Frame-Options;$/m);
    expect(tls).toMatch(/^ +proxy_hide_header Strict-Transport-Security;$/m);
  });

  test("carries nothing that nginx would take for something else", () => {
    expect(() => renderNginx({ ...site, headers: { "X-A": "$uri" } })).toThrow("cannot be used as a header");
    expect(() => renderNginx({ ...site, headers: { "X A": "b" } })).toThrow("cannot be used as a header");
  });
});

test("TLS is Mozilla's intermediate, as far as nginx needs to be told", () => {
  const text = renderNginx(site);
  expect(text).toContain("ssl_protocols TLSv1.2 TLSv1.3;");
  expect(text).toContain("ssl_prefer_server_ciphers off;");
  expect(text).toContain("ssl_session_tickets off;");
  const ciphers = /ssl_ciphers (\S+);/.exec(text)?.[1]?.split(":") ?? [];
  expect(ciphers).toHaveLength(6);
  for (const cipher of ciphers)
    expect(cipher).toMatch(/^ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA\d+|CHACHA20-POLY1305)$/);
});

test("a path has limits of its own, wherever its requests go", () => {
  const text = renderNginx({
    ...site,
    paths: [{ path: "/up%20load/", maxBody: 500, timeout: 300 }, { path: "/x" }],
  });
  const at = (name: string) => {
    const [, , , tls = ""] = servers(text);
    return tls.split(/^ {8}location /m).find((l) => l.startsWith(`${name} {`)) ?? "";
  };
  expect(at('"/up load/"')).toContain("error_page 418 = @forward-0;");
  for (const name of ['"/up load/"', "@closing-0", "@forward-0"])
    expect(at(name)).toContain("client_max_body_size 500m;");
  expect(at('"/up load/"')).toContain("proxy_read_timeout 305s;");
  expect(at("@forward-0")).toContain("proxy_read_timeout 310s;");
  expect(at("/x")).toContain("proxy_read_timeout 35s;");
  expect(at("/x")).not.toContain("client_max_body_size");
  expect(at("/")).toContain("proxy_read_timeout 35s;");
  expect(at("/")).not.toContain("client_max_body_size");
});

test("the other names lead to the one that is to be seen, for good, over either", () => {
  const all = servers(renderNginx({ ...site, redirectTo: "www.blog.example" }));
  const led = all.filter((s) => s.includes("server_name blog.example;"));
  expect(led).toHaveLength(2);
  for (const server of led) {
    expect(server).toContain("return 301 https://www.blog.example$request_uri;");
    expect(server).not.toContain("proxy_pass");
  }
  // Those of another instance come under any of them.
  expect(all.at(-1)).toContain("server_name blog.example www.blog.example;");
  const plain = servers(renderNginx({ ...site, trusted: false, redirectTo: "www.blog.example" }));
  expect(plain.some((s) => s.includes("return 301 http://www.blog.example$request_uri;"))).toBe(true);
  expect(renderNginx(site)).not.toContain("return 301 https://blog.example");
});

test("WebSockets and streams of events pass where the app speaks ASGI, and no other protocol is switched to", () => {
  const text = renderNginx({ ...site, live: true });
  expect(text).toContain('"~*^websocket$" websocket;');
  expect(text).toMatch(/location @live \{[^}]+proxy_buffering off;[^}]+proxy_read_timeout 3600s;/);
  expect(text).toMatch(
    /location @forward-live \{\s+proxy_pass http:\/\/unix:\/run\/everspot\/forward.sock:;/,
  );
  expect(text).not.toContain("$http_upgrade;");
  expect(renderNginx(site)).not.toMatch(/websocket|@live|is_live/i);
});

test("several folders of static files have places of their own, and one way to the app", () => {
  const text = renderNginx({
    ...site,
    static: [
      ...site.static,
      { url: "/assets/", folder: "/run/everspot/static-1", before: "/run/everspot/static-before-1" },
    ],
  });
  const [, , , tls = ""] = servers(text);
  expect(tls).toMatch(/location \^~ \/assets\/ \{[^@]+@forward;[\s\S]+?alias \/run\/everspot\/static-1\/;/);
  const names = [...tls.matchAll(/location (@\S+)/g)].map((m) => m[1]);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(["@before", "@before-1", "@closing-static-1", "@missed"]));
});

test("maintenance concerns visitors, but for this machine itself and the addresses that may", () => {
  const [, , , tls = "", , peer = ""] = servers(renderNginx(site));
  expect(tls).toContain("if (-e /run/everspot/maintenance/allowed/$remote_addr) {");
  expect(tls).toContain("if ($remote_addr = 10.0.0.7) {");
  expect(peer).toContain("if (-e /run/everspot/maintenance/allowed/$http_x_forwarded_for) {");
  expect(peer).toContain("if ($http_x_forwarded_for = 127.0.0.1) {");
  // The app, and the folder of static files.
  expect(tls.match(/if \(\$in_maintenance\) \{\s+return 417;/g)).toHaveLength(2);
});
