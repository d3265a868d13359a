/** How the log of a site lies in CloudWatch Logs: a group for the site, and a stream for each source, instance and release. */

/** Days after which CloudWatch Logs forgets it. */
export const LOG_DAYS = 30;

export interface StreamParts {
  /** "app", "nginx", "access", "agent", "state", "system", "job:NAME" or "worker:NAME". */
  source: string;
  instance: string;
  /** Undefined for what belongs to no release. */
  release: string | undefined;
}

/** Sources that every site may have, beside "job:NAME" and "worker:NAME". */
export const SOURCES = ["app", "nginx", "access", "agent", "state", "system"] as const;

const NAMED = /^(job|worker):([A-Za-z0-9._-]{1,64})$/;

export const isSource = (text: string): boolean =>
  (SOURCES as readonly string[]).includes(text) || NAMED.test(text);

/** Names may have no colon (API Reference, CreateLogStream). */
const folderOf = (source: string): string => source.replace(":", "/");

/** "app/i-0abc/20261126-120000-1a2b", "job/nightly/i-0abc/…", "access/i-0abc". */
export const streamName = ({ source, instance, release }: StreamParts): string =>
  [folderOf(source), instance, ...(release === undefined ? [] : [release])].join("/");

/** What the names of a source's streams begin with; of one instance's, if given. */
export const streamPrefix = (source: string, instance?: string): string =>
  `${folderOf(source)}/${instance === undefined ? "" : `${instance}/`}`;

/** Undefined for a stream that is none of ours. */
export function partsOf(stream: string): StreamParts | undefined {
  const words = stream.split("/");
  const named = words[0] === "job" || words[0] === "worker";
  const [instance, release, ...more] = words.slice(named ? 2 : 1);
  const source = named ? `${words[0]}:${words[1]}` : (words[0] ?? "");
  if (!isSource(source) || !instance || more.length > 0) return undefined;
  return { source, instance, release };
}
