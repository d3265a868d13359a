import { join } from "node:path";

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
  /** A file for each command of the operator's that was begun and not ended: what is known of it. */
  runs: "/run/everspot/runs",
  nginxConfig: "/etc/everspot/nginx.conf",
  /** nginx leaves the status of each answer there; see watch/answers.ts. */
  answers: "/run/everspot/answers",
  /** While it exists, nginx hands every request to the forwarder. Lost at a reboot, as the forwarder is. */
  forwarding: "/run/everspot/forwarding",
  /** While it exists, nginx closes each connection with its answer. */
  closing: "/run/everspot/closing",
  /** While `marker` exists, visitors get `page`, but for those whose addresses are names of files in `allowed`. */
  maintenance: {
    marker: "/run/everspot/maintenance/on",
    page: "/run/everspot/maintenance/page.html",
    allowed: "/run/everspot/maintenance/allowed",
  },
  forwardSocket: "/run/everspot/forward.sock",
  forwardConfig: "/run/everspot/forward.conf",
  forwardPid: "/run/everspot/forward.pid",
  /** systemd hands it on to the journal. */
  forwardLog: "stderr",
  /** The program that holds requests at that socket; see handover/holder.ts. */
  holder: "/run/everspot/hold.py",
  /** The agent's: an instance that is about to take the site over asks it. */
  askedSocket: "/run/everspot/asked.sock",
  /** Made by systemd for the app (RuntimeDirectory=). */
  appSocket: (release: string) => `/run/everspot-app/${release}/app.sock`,
  units: "/run/systemd/system",
} as const;

/** The place of the nth folder of static files: each has one of its own. */
export const nth = (path: string, n: number): string => (n === 0 ? path : `${path}-${n}`);

export interface KeptPlaces {
  /** Databases of all releases: the app and the shipper write there. */
  databases: string;
  media: string;
  /** What the shipper keeps between its runs: how far each database is in the bucket. */
  log: string;
  /** Folders that a copy of the bucket's state is brought into, each by its name. */
  copies: string;
  /** For the shipper alone: settings, credentials, the socket by which it is spoken to. */
  private: string;
  /** At which nginx and the app ask for uploads whose content is not here yet. */
  uploads: string;
  /** The app reads there how far it is in the bucket. */
  lease: string;
  /** For the Python of the site's code. */
  python: string;
  /** While it exists, the units of the site's code may start. In memory, so that a reboot forbids it. */
  mayRun: string;
  /** Run before the site's code, as its user. */
  links: string;
  /** The release that is tried on the data, and the mark before it. */
  trial: string;
  /** Says what an instance that was launched without [state] is to bring along. */
  brings: string;
}

/** @param kept on the disk. @param keeper in memory. */
export const keptPlaces = (kept: string, keeper: string): KeptPlaces => ({
  databases: join(kept, "databases"),
  media: join(kept, "media"),
  log: join(kept, "log"),
  copies: join(kept, "copies"),
  private: join(keeper, "private"),
  uploads: join(keeper, "shown/uploads.sock"),
  lease: join(keeper, "shown/lease"),
  python: join(keeper, "python"),
  mayRun: join(keeper, "may-run"),
  links: join(keeper, "links.sh"),
  trial: join(kept, "trial.json"),
  brings: join(kept, "brings.json"),
});

export const kept = keptPlaces("/var/lib/everspot-state", "/run/everspot-state");

/** The app's own folder, as systemd names it to its units and makes it for them (StateDirectory=). */
export const APP_FOLDER = "/var/lib/everspot-app";
export const APP_USER = "everspot-app";
/** Keeps what the site writes; of the app's group. */
export const STATE_USER = "everspot-state";
export const STATE_UNIT = "site-state.service";
/** One thing done with the site's state, such as "take-over". */
export const stateTask = (what: string): string => `site-state@${what}.service`;
/** Looked for by bootstrap.sh: the agent is on the disk for good. */
export const wholeAgent = (sha256: string): string => `${paths.agents}/${sha256}/whole`;
/** In which all of the site's code runs. */
export const APP_SLICE = "everspot-app.slice";
/** Every unit that runs code of the site. */
export const APP_UNITS = "everspot-*@*.service";
export const appUnit = (release: string): string => `everspot-app@${release}.service`;
/** In the place of a release's id: what runs on a copy of the site's data. Its units are in user-data/units. */
export const REHEARSAL = "rehearsal";
export const prepareUnit = (release: string): string => `everspot-prepare@${release}.service`;
/** A command of the operator's; the name's first part is that of its environment file (user-data/units). */
export const runName = (id: string): string => `everspot-run-${id}`;
export const runUnit = (id: string, release: string): string => `${runName(id)}@${release}.service`;
export const RUN_UNITS = "everspot-run-*@*.service";
/** A job of `[schedule.NAME]`, and a worker of `[worker.NAME]`; each with its environment file by the first part. */
export const jobName = (name: string): string => `everspot-job-${name}`;
export const jobUnit = (name: string, release: string): string => `${jobName(name)}@${release}.service`;
export const JOB_UNITS = "everspot-job-*@*.service";
export const workerName = (name: string): string => `everspot-worker-${name}`;
export const workerUnit = (name: string, release: string): string => `${workerName(name)}@${release}.service`;
export const WORKER_UNITS = "everspot-worker-*@*.service";
