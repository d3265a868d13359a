/**
 * Headers in which a proxy tells an app who asked, how and for what. Here nginx tells, in a few of them; in the others
 * a visitor would be believed: gunicorn takes a request for HTTPS by X-Forwarded-Ssl or -Protocol, Django's
 * RemoteUserMiddleware and many single sign-on set-ups log in whoever Remote-User names, WSGI servers and middlewares
 * mount the app at X-Script-Name or X-Forwarded-Prefix, and several let X-Original-URL replace the path.
 *
 * nginx itself drops names with an underscore (`underscores_in_headers`), which a WSGI app could not tell from a hyphen.
 */
export const visitorClaims: readonly string[] = [
  ...["Forwarded", "Proxy"],
  ...forwarded([
    "Ssl",
    "Protocol",
    "Scheme",
    "Prefix",
    "Path",
    "Uri",
    "Method",
    "Server",
    "By",
    "Host-Original",
  ]),
  ...forwarded([
    "User",
    "Email",
    "Groups",
    "Preferred-Username",
    "Access-Token",
    "Tls",
    "Client-Cert",
    "Remote-User",
  ]),
  ...["X-Scheme", "X-Url-Scheme", "X-Forward-Proto", "Front-End-Https"],
  ...["X-Script-Name", "Script-Name", "X-Path-Info", "Path-Info"],
  ...["X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Original-Method", "X-Original-Forwarded-For"],
  ...["X-Rewrite-Url", "X-Host", "X-Http-Host-Override", "X-Forwarded"],
  ...[
    "Remote-User",
    "X-Remote-User",
    "Remote-Addr",
    "X-Remote-Addr",
    "X-Remote-Ip",
    "Remote-Host",
    "X-Remote-Host",
  ],
  ...["Remote-Email", "Remote-Groups", "Remote-Name", "X-Remote-Email", "X-Remote-Group", "X-Remote-Groups"],
  ...[
    "X-User",
    "X-Username",
    "X-Webauth-User",
    "X-Authenticated-User",
    "X-Auth-User",
    "Auth-User",
    "Auth-Type",
  ],
  ...[
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
  ],
  ...[
    "X-Client-Ip",
    "Client-Ip",
    "X-Cluster-Client-Ip",
    "True-Client-Ip",
    "X-Originating-Ip",
    "X-Proxyuser-Ip",
  ],
  ...["Cf-Connecting-Ip", "Fastly-Client-Ip", "Fly-Client-Ip", "X-Appengine-User-Ip", "X-Azure-Clientip"],
  ...[
    "X-Ssl-Client-Cert",
    "X-Ssl-Client-Dn",
    "X-Ssl-Client-Verify",
    "Ssl-Client-Cert",
    "X-Client-Cert",
    "X-Client-Dn",
  ],
];

function forwarded(names: readonly string[]): string[] {
  return names.map((name) => `X-Forwarded-${name}`);
}
