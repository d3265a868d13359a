/** GiB of the burstable types by size (EC2's instance type pages, the same for t2, t3, t3a and t4g). */
const sizes: Readonly<Record<string, number>> = {
  nano: 0.5,
  micro: 1,
  small: 2,
  medium: 4,
  large: 8,
  xlarge: 16,
  "2xlarge": 32,
};

/**
 * Bytes a machine of this type may use; undefined for types whose memory is not in the table, which then are
 * not limited. Processor time and credits are not modelled.
 */
export function memoryOf(instanceType: string): number | undefined {
  const [family = "", size = ""] = instanceType.split(".");
  const gib = /^t\d/.test(family) ? sizes[size] : undefined;
  return gib === undefined ? undefined : gib * 1024 ** 3;
}
