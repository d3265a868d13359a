import type { BootConfig } from "../../user-data/boot-config.ts";
import type { ServedCertificate } from "../certificate/context.ts";
import { LONGEST_PAUSE } from "../site/config/state.ts";
import { FORWARD_PORT } from "../site/names.ts";
import { kept, nth, paths } from "../system/paths.ts";
import { renderNginx } from "./nginx-config.ts";

/** The instance's nginx.conf, for the certificate that is installed. */
export function siteNginx(
  config: BootConfig,
  privateAddress: string,
  certificate: Pick<ServedCertificate, "fullchain" | "key" | "source">,
): string {
  const { app } = config;
  return renderNginx({
    address: privateAddress,
    names: [config.domain, ...config.aliases],
    tls: { chain: certificate.fullchain, key: certificate.key },
    trusted: certificate.source !== "self-signed",
    socket: paths.socket,
    forwarding: { marker: paths.forwarding, socket: paths.forwardSocket },
    closing: paths.closing,
    maintenance: paths.maintenance,
    forwardPort: FORWARD_PORT,
    answers: paths.answers,
    static: (app.static ?? []).map(({ url }, n) => ({
      url,
      folder: nth(paths.staticLink, n),
      before: nth(paths.staticBefore, n),
    })),
    ...{ timeout: app.timeout, maxBody: app.maxBody, hsts: app.hsts, headers: app.headers },
    paths: Object.entries(app.paths).map(([path, { timeout, max_body: maxBody }]) => ({
      ...{ path, timeout, maxBody },
    })),
    live: app.asgi !== undefined,
    redirectTo: app.redirectTo,
    os: config.image.os,
    ...(config.state?.media !== undefined && {
      media: { url: config.state.mediaUrl, folder: kept.media, socket: kept.uploads },
    }),
    ...(config.state && { hold: Math.max(config.state.pause, LONGEST_PAUSE), asked: paths.askedSocket }),
  });
}
