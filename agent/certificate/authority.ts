import type { Lineage } from "../site/certificates.ts";

export interface Order {
  /** The first becomes the certificate's subject; wildcards allowed. */
  names: readonly string[];
  /** ACME directory URL. */
  directory: string;
  email: string | undefined;
  /** Accounts of an earlier order, so that the CA sees the same one again. */
  earlier: Lineage | undefined;
}

export interface Issued {
  key: string;
  /** PEM, leaf first. */
  chain: string;
  lineage: Lineage;
  directory: string;
}

export type OrderResult =
  | ({ outcome: "issued" } & Issued)
  | {
      /** `failed`: no certificate exists; `unknown`: the CA may have issued one that we do not have. */
      outcome: "failed" | "unknown";
      error: string;
      lines: readonly string[];
      /** ms for which the CA wants no further request. */
      retryAfter: number | undefined;
    };

/**
 * A client that orders certificates.
 *
 * `order` asks the CA for one certificate, at most once, and ends in bounded time; a failure of the CA, the
 * network or DNS is a result, not an exception. Never two orders at a time. `left` returns what the last order
 * on this machine produced, even when the process died before it was stored; undefined when there is none.
 */
export interface Authority {
  /** Whatever takes long or may fail before the CA is asked, e.g. installing the client. Called before any intent. */
  prepare?(): Promise<void>;
  order(order: Order): Promise<OrderResult>;
  left(): Promise<Issued | undefined>;
  /** Puts a certificate's files in place, so that other tools on the machine see what is served. */
  restore(certificate: Issued): Promise<void>;
}
