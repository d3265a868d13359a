interface Launched {
  instance: string;
  launched: Date;
}

/** EC2 counts launches in seconds, and a fleet may launch two at once: those are ordered by instance id. */
export function isNewer(one: Launched, other: Launched): boolean {
  const later = one.launched.getTime() - other.launched.getTime();
  return later === 0 ? one.instance > other.instance : later > 0;
}
