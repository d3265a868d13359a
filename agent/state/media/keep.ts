import type { Server } from "node:http";
import { messageOf } from "../../site/errors.ts";
import { Fetcher, type FetchOptions } from "./fetch.ts";
import type { KeptUploads } from "./kept-uploads.ts";
import { serveUploads } from "./serve.ts";
import { Uploads, type UploadsOptions } from "./uploads.ts";

export interface KeepOptions
  extends Omit<UploadsOptions, "kept" | "ring" | "scratch">,
    Omit<FetchOptions, "kept"> {
  /** A folder of the shipper's own, with room for the largest upload. */
  keeps: string;
  /** At which uploads are asked for whose content is not here yet. */
  socket: string;
}

/** All that is done about uploads, once the log was read: they are sent, fetched, and given when asked for. */
export function keepUploads(options: KeepOptions) {
  const { keeps, socket, say } = options;
  let server: Server | undefined;
  return {
    start(kept: KeptUploads, ring: () => void): Uploads {
      const fetcher = new Fetcher({ ...options, kept });
      serveUploads(fetcher, socket, say).then(
        (serving) => {
          server = serving;
        },
        (error: unknown) => say(`${socket}: ${messageOf(error)}`),
      );
      fetcher.fetchAll().catch((error: unknown) => say(messageOf(error)));
      return new Uploads({ ...options, scratch: keeps, kept, ring });
    },
    close(): void {
      server?.close();
      server?.closeAllConnections();
    },
  };
}
