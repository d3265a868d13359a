/**
 * The instance metadata service, version 2 only.
 * `get` takes the path below /latest/; undefined means 404: not known, or not yet.
 * @throws EverspotError (retry) when the service does not answer, or answers anything but 200, 401 and 404.
 */
export interface Metadata {
  get(path: string): Promise<string | undefined>;
}
