import { AwsError } from "../wire/errors.ts";

export type Market = "spot" | "on-demand";
/** `"none"`, or why AWS has none: an error code of its own, with the message. */
export type CapacityState = "available" | "none" | { code: string; message: string };

interface Setting {
  type: string;
  zone: string;
  market: Market | "*";
  state: CapacityState;
}

/** Which pools (type × zone × market) can launch; everything can until a test says otherwise. */
export class Capacity {
  #settings: Setting[] = [];
  readonly #reclaimed = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];
  #refusal: (type: string, market: Market) => AwsError | undefined = () => undefined;

  /** `*` stands for every type or zone. The latest setting wins. */
  set(type: string, zone: string, state: CapacityState, market: Market | "*" = "spot"): void {
    this.#settings.push({ type, zone, market, state });
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** @param refusal what the account, whatever the pool, may not launch. */
  limit(refusal: (type: string, market: Market) => AwsError | undefined): void {
    this.#refusal = refusal;
  }

  /** Undefined when the pool can launch. */
  shortage(type: string, zone: string, market: Market): AwsError | undefined {
    const refused = this.#refusal(type, market);
    if (refused !== undefined) return refused;
    const setting = this.#settings.findLast(
      (s) =>
        (s.type === "*" || s.type === type) &&
        (s.zone === "*" || s.zone === zone) &&
        (s.market === "*" || s.market === market),
    );
    if (setting === undefined || setting.state === "available") return undefined;
    if (setting.state !== "none") return new AwsError(setting.state.code, setting.state.message);
    return new AwsError(
      "InsufficientInstanceCapacity",
      market === "spot"
        ? "There is no Spot capacity available that matches your request."
        : `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). Our system will be working on provisioning additional capacity.`,
      500,
    );
  }

  /** AWS took an instance of this pool back, so the pool is short: others come first from now on. */
  reclaimed(type: string, zone: string): void {
    const key = `${type} ${zone}`;
    this.#reclaimed.set(key, (this.#reclaimed.get(key) ?? 0) + 1);
  }

  /** How short of capacity a pool looks; 0 is plenty. */
  pressure(type: string, zone: string): number {
    return this.#reclaimed.get(`${type} ${zone}`) ?? 0;
  }
}
