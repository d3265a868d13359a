/** Where things are on an instance. */
export const paths = {
  bootConfig: "/etc/everspot/boot.json",
  /** Written by bootstrap.sh: "<what> <epoch seconds>" per line. */
  bootstrap: "/run/everspot/bootstrap",
  /** One folder per agent, by the SHA-256 of its archive. */
  agents: "/opt/everspot",
  state: "/var/lib/everspot",
  releases: "/var/lib/everspot/releases",
  /** One folder per release: its static files, where `before_start` made them. */
  static: "/var/lib/everspot/static",
  /** Static files of earlier releases, as far as they have a hash of their content in the name. */
  staticEarlier: "/var/lib/everspot/static-earlier",
  /** In memory: no key is ever on a disk, or in an image that is made of one. The bucket keeps them. */
  certificates: "/run/everspot/certificates",
  letsencrypt: "/run/everspot/letsencrypt",
  run: "/run/everspot",
  /** What a process that booted leaves to the one that goes on; see boot/resume.ts. */
  booted: "/run/everspot/booted.json",
  /** Symlink to the running app's socket. */
  socket: "/run/everspot/app.sock",
  /** Symlink to the running app's release. */
  release: "/run/everspot/release",
  /** Symlink to the static files of the running app. */
  staticLink: "/run/everspot/static",
  /** Symlink to those of the app that ran before on this machine, or of all that ran before. */
  staticBefore: "/run/everspot/static-before",
  /** Environment files of the units of a release, 0600. */
  environment: "/run/everspot/environment",
  nginxConfig: "/etc/everspot/nginx.conf",
  /** While it exists, nginx hands every request to the forwarder. Lost at a reboot, as the forwarder is. */
  forwarding: "/run/everspot/forwarding",
  /** While it exists, nginx closes each connection with its answer. */
  closing: "/run/everspot/closing",
  forwardSocket: "/run/everspot/forward.sock",
  forwardConfig: "/run/everspot/forward.conf",
  /** The program that holds requests at that socket; see handover/holder.ts. */
  holder: "/run/everspot/hold.py",
  /** Of the agent: asked by an instance that is about to take the site over. */
  askedSocket: "/run/everspot/asked.sock",
  /** Made by systemd for the app (RuntimeDirectory=). */
  appSocket: (release: string) => `/run/everspot-app/${release}/app.sock`,
  units: "/run/systemd/system",
} as const;

export const APP_USER = "everspot-app";
/** Looked for by bootstrap.sh: the agent is on the disk for good. */
export const wholeAgent = (sha256: string): string => `${paths.agents}/${sha256}/whole`;
/** Every unit that runs code of the site. */
export const APP_UNITS = "everspot-*@*.service";
export const appUnit = (release: string): string => `everspot-app@${release}.service`;
export const prepareUnit = (release: string): string => `everspot-prepare@${release}.service`;
