/** Instances the site's fleets are to keep running. */
export interface Target {
  /** At spot prices. */
  total: number;
  /** At the on-demand price, while there is no spot capacity; undefined when there is no fleet for that. */
  bridge: number | undefined;
}

/**
 * The site's two fleets and the instances in them: one of spot instances and, with `[fleet] bridge`, one at the
 * on-demand price that is empty unless it bridges. Nothing here ends an instance but `terminate`. Each call returns
 * once the fleet shows what was asked for, and can be repeated. @throws EverspotError (retry)
 */
export interface Fleet {
  target(): Promise<Target>;
  setTotal(total: number): Promise<void>;
  /** @throws EverspotError when there is no fleet for that. */
  setBridge(instances: 0 | 1): Promise<void>;
  terminate(instance: string): Promise<void>;
}
