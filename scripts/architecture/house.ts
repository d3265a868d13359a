/**
 * The house as it is meant to be. Whoever adds a room writes down its floor and what it answers; `npm run
 * architecture` draws what there is, and test/imports.test.ts holds it to this.
 */
export interface Wing {
  /** Its folder. */
  at: string;
  /** What else it may import: a wing, a room or a file. */
  sees: readonly string[];
  /**
   * Its rooms with what each answers, from the roof down: one imports only from lower floors. A room is a folder, a
   * loose file, or both under one name. None: the wing is one room.
   */
  floors: readonly Readonly<Record<string, string>>[];
  /** Whether there is a picture of it. */
  drawn?: boolean;
  /** Files that a folder has at most. */
  most?: number;
  /** The files that may lie outside of any folder; all may if not given. */
  loose?: readonly string[];
}

const MOST = 25;

export const house: readonly Wing[] = [
  {
    at: "provisioner",
    drawn: true,
    // The operator may write the state's log, as its owner: by the agent's own rules, and no others.
    sees: [
      "agent/site",
      "agent/state/log",
      "agent/state/base-writer.ts",
      "agent/state/compare.ts",
      "agent/state/pace.ts",
      "user-data",
    ],
    most: MOST,
    loose: ["main.ts"],
    floors: [
      { main: "puts the command line together" },
      { cli: "which commands there are" },
      { commands: "what one command does, on one screen" },
      { deploy: "how a release, or an image, is brought in, and how what fails is recovered" },
      { apply: "how a list of actions is carried out" },
      {
        plan: "what would be done, and what it costs: data only",
        history: "what happened to the site: its deploys, its drills, as a list and as a page",
      },
      {
        seen: "what is there: the site, its domain, the account",
        data: "what a site has written, brought out of its bucket and into it",
        certificate: "which certificate is served, and what may be ordered",
        boots: "how a boot goes: the follower, its news, its bars",
        runs: "a command on the instance: asked for, followed, cancelled",
      },
      {
        aws: "AWS, in the verbs of the project",
        init: "what is proposed for a project, tried out and written",
      },
      {
        wanted: "what this configuration asks for",
        project: "what a Django project is, by asking or reading it, and what stands against serving it",
      },
      { release: "a project made into a zip, and the zips in the bucket" },
      { dependencies: "what a project depends on, installed for the instance's Python" },
      {
        requirements: "what a project says it depends on, in whichever form",
        operator: "the operator's own computer: terminal, questions, and the site as it looks from there",
        config: "everspot.toml",
        archive: "the agent made into an archive",
      },
      { findings: "what was found about a project or a site, in one shape" },
    ],
  },
  {
    at: "agent",
    drawn: true,
    sees: ["agent/site", "user-data"],
    most: MOST,
    loose: ["main.ts"],
    floors: [
      { main: "the entry point" },
      { program: "its commands, its parts put together, and its life: boot, then duty" },
      { duty: "what the agent does from the end of the boot on" },
      { watchdog: "what is done about an app that hangs or fails" },
      { handover: "how the site passes to another instance, or to another release in place" },
      { boot: "the boot: its steps, its next try, what it leaves for later" },
      { machine: "all that the agent works with, and how a release becomes an app that answers" },
      {
        jobs: "what runs beside the app: commands of the operator, jobs at set times, workers",
        logs: "what the machine says, brought into CloudWatch Logs",
        look: "what visitors will see of a release, before they do",
        record: "steps and how they run, and the boot record",
        release: "a release on the instance's disk",
      },
      {
        aws: "AWS as the instance uses it",
        identity: "which machine this is, and whose disk it has",
        isolation: "the app's own user, and what it cannot reach",
        keeping: "what keeps the site's state, on this instance: its units, folders, and how it is spoken to",
        packages: "the system's packages, from a layer or from the mirror",
        redaction: "secrets kept out of all that leaves the instance",
        serving: "the app and nginx",
        watch: "what is watched all the time",
      },
      {
        certificate: "the site's certificate: stored, due, ordered",
        notify: "events to the operator's address",
        ownership: "who has the site, and the fence that decides it",
        state: "what a site has written, kept in the bucket as a fenced log",
      },
      {
        system: "the operating system: commands, files, memory, units, and who sees that the agent is well",
      },
      { ports: "what the rooms above need of AWS" },
    ],
  },
  { at: "user-data", sees: ["agent/site"], most: MOST, floors: [] },
  { at: "agent/site", sees: [], most: MOST, floors: [] },
  {
    at: "test/cloud",
    // The local AWS must not take from the product what it is there to check.
    sees: ["agent/site/clock.ts", "agent/site/errors.ts", "agent/site/poll.ts"],
    floors: [
      { "as-aws": "the same, as slow and as late as AWS is" },
      { real: "the whole rehearsal: AWS, instances, DNS, certificate authority" },
      { "ec2-site": "a site in EC2, for tests" },
      { cloud: "all services behind one address" },
      { account: "what is in an account, as JSON" },
      { ca: "a certificate authority with Let's Encrypt's limits" },
      { acm: "ACM" },
      { dns: "an authoritative server over the hosted zones" },
      {
        fis: "FIS",
        sns: "SNS",
        budgets: "AWS Budgets",
        logs: "CloudWatch Logs",
        sts: "STS",
        route53: "Route 53",
        nspawn: "instances in systemd-nspawn",
        imds: "IMDS",
      },
      { iam: "IAM" },
      {
        ec2: "EC2",
        s3: "S3",
        ssm: "SSM",
        sandbox: "a network with no way out",
        writes: "which calls change anything",
      },
      {
        limits: "what an account may start: Service Quotas, Free Tier",
        traffic: "the requests this process has under way",
      },
      {
        "domain-names": "names as Route 53 writes them",
        inventory: "what a test leaves behind",
        jobs: "what goes on by itself",
        machines: "instances that exist on paper only",
        answers: "what AWS was asked, and answered",
        "manual-clock": "a clock moved by hand",
        mirror: "a package mirror without a network",
        pebble: "a certificate authority: Pebble",
        wire: "the wire formats of AWS",
      },
    ],
  },
  {
    at: "scripts",
    sees: [
      "agent/site",
      "agent/certificate/self-signed.ts",
      "agent/handover/hold.ts",
      "agent/ownership/state-swap.ts",
      "agent/state/log",
      "agent/state/base-writer.ts",
      "agent/state/wal-file.ts",
      "agent/serving/nginx-config.ts",
      "agent/system/units.ts",
      "agent/packages/debian.ts",
      "agent/packages/layer.ts",
      "agent/system/paths.ts",
      "provisioner",
      "test/cloud",
      "test/provisioner",
      "test/system/certificate/churn.ts",
    ],
    floors: [
      {
        architecture: "the house: what the imports say of it, its pictures and its page",
        bench: "how fast, and how large",
        picture: "a picture of a report",
        contact: "asks AWS itself what only AWS can tell",
        rehearse: "plays everspot on this machine",
        torture: "hands a site with state over and kills it, and counts what was lost",
        mutate: "takes back one fix after another, and sees which test notices",
      },
      {
        rehearsal: "the plays, one file each, and their reports",
        questions: "what only AWS can tell, one question after the other",
        cloud: "the local AWS alone, to play with",
        sandbox: "runs a command cut off from the network",
        docs: "what is made from the schema of everspot.toml",
      },
      { state: "a site with state without machines, its visitors, and what they were told" },
      { build: "bundles the command line and the agent, and the tests of a run" },
    ],
  },
];
