/** Instances the fleet is to keep running; `onDemand` of them at the on-demand price. */
export interface Target {
  total: number;
  onDemand: number;
}

/** The site's fleet and the instances in it. Every call can be repeated. @throws EverspotError (retry) */
export interface Fleet {
  target(): Promise<Target>;
  /** Never ends an instance: what is too many stays until `terminate` (`no-termination`). */
  setTarget(target: Target): Promise<void>;
  terminate(instance: string): Promise<void>;
}
