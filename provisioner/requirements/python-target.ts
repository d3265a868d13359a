/** The Python of an instance, as pip must see it from another machine. Pure. */

export type Arch = "x86_64" | "arm64";

export interface PythonTarget {
  /** "3.13". */
  python: string;
  arch: Arch;
}

/** The images there are: patch level of python3 and minor version of glibc 2. */
export const DEBIANS = [
  { os: "debian-12", python: "3.11", full: "3.11.2", glibc: 36 },
  { os: "debian-13", python: "3.13", full: "3.13.5", glibc: 41 },
] as const;

/** glibc of the oldest supported image: what runs there runs on every other. */
const OLDEST_GLIBC = 36;

const facts = (python: string): { os?: string; full: string; glibc: number } =>
  DEBIANS.find((d) => d.python === python) ?? { full: `${python}.0`, glibc: OLDEST_GLIBC };

/** "3.13.5". */
export const fullVersion = (target: PythonTarget): string => facts(target.python).full;

/** "Python 3.13.5 (debian-13)". */
export function named(target: PythonTarget): string {
  const { os, full } = facts(target.python);
  return `Python ${full}${os === undefined ? "" : ` (${os})`}`;
}

/** The images besides the target's own. */
export const otherDebians = (target: PythonTarget): readonly (typeof DEBIANS)[number][] =>
  DEBIANS.filter((d) => d.python !== target.python);

export const machine = (arch: Arch): string => (arch === "arm64" ? "aarch64" : "x86_64");

/** pip's options for choosing wheels for the target instead of for the Python that runs pip. */
export function targetOptions(target: PythonTarget): string[] {
  return [
    ...platforms(target).flatMap((platform) => ["--platform", platform]),
    ...["--python-version", facts(target.python).full],
    ...["--implementation", "cp"],
    ...["--abi", `cp${target.python.replace(".", "")}`],
    "--only-binary=:all:",
  ];
}

/** Newest first, as pip ranks them (PEP 600; the first aarch64 policy is glibc 2.17). */
export function platforms(target: PythonTarget): string[] {
  const cpu = machine(target.arch);
  const oldest = target.arch === "arm64" ? 17 : 5;
  const tags: string[] = [];
  for (let minor = facts(target.python).glibc; minor >= oldest; minor--) {
    tags.push(`manylinux_2_${minor}_${cpu}`);
    if (minor === 17) tags.push(`manylinux2014_${cpu}`);
    if (minor === 12 && cpu === "x86_64") tags.push("manylinux2010_x86_64");
    if (minor === 5) tags.push("manylinux1_x86_64");
  }
  return [...tags, `linux_${cpu}`];
}

/** Values of environment markers on the instance (PEP 508). */
export function markerEnvironment(target: PythonTarget): Record<string, string> {
  const { full } = facts(target.python);
  return {
    implementation_name: "cpython",
    implementation_version: full,
    os_name: "posix",
    platform_machine: machine(target.arch),
    platform_python_implementation: "CPython",
    platform_release: "",
    platform_system: "Linux",
    platform_version: "",
    python_full_version: full,
    python_version: target.python,
    sys_platform: "linux",
    extra: "",
  };
}
