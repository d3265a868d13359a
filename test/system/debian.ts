/** Where Debian's programs are, which the tests' set-up installs: another Python of this machine is not asked. */
export const DEBIAN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
