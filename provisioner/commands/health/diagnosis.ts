/** What can be wrong with a site that is there, in the order in which one thing needs the other. Pure. */
import { failedStep } from "../../../agent/site/boot-record.ts";
import { freeTierHint, quotaHint } from "../../aws/errors.ts";
import type { FleetEvent } from "../../aws/fleets.ts";
import { errorFinding, type Finding, warningFinding } from "../../findings/finding.ts";
import { inWords, isUp } from "../../seen/answer.ts";
import { usd } from "../../seen/notices.ts";
import type { Status } from "../../seen/status.ts";
import { type Examined, examined, unknown, well } from "./examined.ts";

export interface IllSite {
  status: Status;
  /** The domain and its aliases. */
  names: readonly string[];
  /** What the fleet said of late, oldest first. */
  events: readonly FleetEvent[];
  /** Milliseconds since the epoch. */
  now: number;
}

export function diagnose(site: IllSite): Examined[] {
  return [
    fleet(site),
    instance(site),
    boot(site),
    release(site),
    record(site),
    certificate(site),
    answer(site),
    data(site),
    ...alerts(site),
    notices(site),
    ...spend(site),
  ];
}

const STATUS = "everspot status";
const UP = "everspot up";
const BOOT = "everspot status --boot";
const LOGS = "everspot logs --source app";

function fleet({ status: { fleet: has, instances }, events }: IllSite): Examined {
  if (has === undefined) {
    const hint = "`everspot up` makes one";
    return examined(
      "fleet",
      "",
      [errorFinding("site.E001", "there is no fleet: nothing launches instances", { hint })],
      UP,
    );
  }
  if (has.target < 1) {
    const hint = "`everspot up` sets it to 1";
    return examined(
      "fleet",
      "",
      [errorFinding("site.E002", "the fleet's target is 0", { where: has.id, hint })],
      UP,
    );
  }
  const seen = `${has.id} is ${has.state}, ${has.fulfilled} of ${has.target}`;
  const failures = events.filter((e) => e.failure);
  const last = failures.at(-1);
  if (last === undefined || instances.some((i) => i.state === "running")) return well("fleet", seen);
  const hint =
    quotaHint(`${last.kind} ${last.message}`) ??
    freeTierHint(last.message) ??
    "AWS has no such instance to spare now: more [fleet] types and a higher max_price give it more to choose from, and [fleet] bridge = true lets it take one on demand meanwhile";
  return examined(
    "fleet",
    seen,
    [
      errorFinding("site.E003", `the fleet cannot launch an instance: ${last.message}`, {
        where: has.id,
        hint,
      }),
    ],
    UP,
    [...new Set(failures.slice(-5).map((e) => `${e.at.toISOString()} ${e.kind}: ${e.message}`))],
  );
}

/** Seconds in which an instance that was just launched is heard of. */
const HEARD_SECONDS = 300;

function instance({ status: { instances, boot, console }, now }: IllSite): Examined {
  const alive = instances.filter((i) => i.state === "running" || i.state === "pending");
  const [one] = alive;
  if (one === undefined) {
    const hint =
      "the fleet launches one by itself; if it does not within minutes, `everspot up` looks for the reason";
    return examined("instance", "", [errorFinding("site.E004", "no instance is running", { hint })], UP);
  }
  const seen = alive.map((i) => `${i.id} is ${i.state}, ${i.type} in ${i.zone}`).join("; ");
  const young = now - Date.parse(one.launched) < HEARD_SECONDS * 1000;
  if (boot !== undefined || console === undefined || young) return well("instance", seen);
  const hint =
    "it never got as far as its agent: `everspot deploy` launches another, from the newest configuration";
  return examined(
    "instance",
    seen,
    [
      errorFinding("site.E005", "an instance runs, but its agent has never been heard from", {
        where: console.instance,
        hint,
      }),
    ],
    "everspot deploy",
    console.lines.length === 0 ? ["EC2 has no console output of it"] : console.lines,
  );
}

function boot({ status: { boot: record, release } }: IllSite): Examined {
  if (record === undefined) return unknown("boot", "no instance has reported its boot");
  const { instance: where, state, attempt } = record;
  const step = failedStep(record, "boot");
  if (state === "failed" && step !== undefined) {
    const ofRelease = step.ownCode === true;
    const back = ofRelease && release.lastKnownGood !== undefined && release.lastKnownGood !== record.release;
    const hint =
      step.hint ??
      (ofRelease
        ? "the release does not start: fix it and `everspot deploy`, or go back to one that served"
        : "the agent tries again by itself");
    return examined(
      "boot",
      "",
      [
        errorFinding("site.E006", `the boot failed at ${step.name}: ${step.error ?? "no reason given"}`, {
          where,
          hint,
        }),
      ],
      back ? "everspot rollback" : ofRelease ? "everspot deploy" : BOOT,
      step.lines,
    );
  }
  if (state === "unavailable") {
    const hint =
      "the app does not recover, and the budget of replacements is spent: fix it and `everspot deploy`";
    const what = `visitors get a 503 page: ${record.blame ?? "the app fails"}`;
    return examined("boot", "", [errorFinding("site.E007", what, { where, hint })], "everspot deploy");
  }
  return well("boot", `${where} is ${state}${attempt > 1 ? `, at attempt ${attempt}` : ""}`);
}

function release({ status: { release: has } }: IllSite): Examined {
  if (has.current === undefined) {
    const hint = has.candidate === undefined ? "`everspot deploy` makes one" : "it has not served yet";
    const what = `no release serves${has.candidate === undefined ? "" : `; ${has.candidate} is being tried`}`;
    return examined(
      "release",
      "",
      [errorFinding("site.E008", what, { hint })],
      "everspot deploy",
      has.quarantined?.lines,
    );
  }
  const bad = has.quarantined;
  if (bad === undefined) return well("release", `${has.current} serves`);
  const hint = `${has.current} serves; fix what it says and deploy again`;
  return examined(
    "release",
    "",
    [warningFinding("site.W001", `${bad.id} did not serve: ${bad.reason}`, { hint })],
    "everspot deploy",
    bad.lines,
  );
}

function record({ status: { owner, records, fence }, names }: IllSite): Examined {
  if (owner === undefined) return unknown("record", "no instance has taken the site over yet");
  const findings = names.flatMap((name): Finding[] => {
    const at = records.find((r) => r.name === name && r.type === "A");
    if (at?.values.includes(owner.address)) return [];
    const leads = at === undefined ? "has no A record" : `leads to ${at.values.join(", ")}`;
    const hint =
      "an instance sets it when it takes the site over: `everspot deploy` brings one, even with the same code";
    return [
      errorFinding("site.E009", `${name} ${leads}, and the owner is at ${owner.address}`, {
        where: name,
        hint,
      }),
    ];
  });
  const fenced =
    fence !== undefined && fence.owner !== owner.instance
      ? [
          warningFinding("site.W002", `the fence names ${fence.owner}, site.json ${owner.instance}`, {
            hint: "a hand-over is under way, or was cut off; the next one puts it right",
          }),
        ]
      : [];
  return examined(
    "record",
    `${names.join(", ")} → ${owner.address}`,
    [...findings, ...fenced],
    "everspot deploy --force",
  );
}

function certificate({ status: { certificate: has, boot: record }, now }: IllSite): Examined {
  if (has === undefined) return unknown("certificate", "none yet");
  const next = "everspot certificate";
  if (record?.certificate?.source === "self-signed") {
    const hint =
      "the instance asks for one by itself, within the authority's limits: `everspot certificate` shows when";
    return examined(
      "certificate",
      "",
      [errorFinding("site.E010", "visitors do not trust the certificate: it is self-signed", { hint })],
      next,
    );
  }
  const left = Date.parse(has.expires) - now;
  if (left <= 0) {
    const hint = "`everspot certificate` shows what was asked of the authority, and what it said";
    return examined(
      "certificate",
      "",
      [errorFinding("site.E011", `the certificate expired at ${has.expires}`, { hint })],
      next,
    );
  }
  return well("certificate", `until ${has.expires.slice(0, 10)}`);
}

function answer({ status: { answer: said, direct, maintenance } }: IllSite): Examined {
  if (said === undefined) return unknown("answer", "there is no instance to ask");
  if (isUp(said)) return well("answer", `${inWords(said)}, ${said.url}`);
  const what = `${said.url} says ${inWords(said)}`;
  if (maintenance !== undefined && "status" in said && said.status === 503) {
    const since = `maintenance is on since ${maintenance.since}, by ${maintenance.by}`;
    const hint = "`everspot maintenance off` ends it";
    const finding = warningFinding("site.W006", since, { hint });
    return examined("answer", "", [finding], "everspot maintenance off");
  }
  if (direct !== undefined && isUp(direct)) {
    const hint = `its instance answers at ${direct.address}: something between here and there is at fault, such as a resolver that knows an older address`;
    return examined("answer", "", [errorFinding("site.E012", what, { hint })], STATUS);
  }
  const status = "status" in said ? said.status : undefined;
  const hint =
    status === undefined
      ? "the instance does not answer: its boot shows how far it got"
      : status >= 500
        ? "the app fails: its log says why"
        : "the page of [app] health must answer 200: it decides whether the app is well";
  const next = status !== undefined && status >= 500 ? LOGS : BOOT;
  return examined("answer", "", [errorFinding("site.E013", what, { hint })], next);
}

function data({ status }: IllSite): Examined {
  const odd = status.odd.filter((text) => /^what the site writes|^\[state\]|its log ends with/.test(text));
  if (odd.length > 0) {
    const hint = "`everspot data` shows how far it is in the bucket";
    return examined(
      "data",
      "",
      odd.map((text) => errorFinding("site.E014", text, { hint })),
      "everspot data",
    );
  }
  const { data: has } = status;
  return well("data", has === undefined ? "nothing is kept" : `entry ${has.entry}, of ${has.at}`);
}

/** What the instance itself has noticed: disk, memory, errors, jobs, and what else was reported. */
function alerts({ status }: IllSite): Examined[] {
  if (status.alerts.length === 0) return [well("alerts", "none is open")];
  return status.alerts.map(({ kind, about, text, since }) =>
    examined(
      about === undefined ? kind : `${kind} ${about}`,
      "",
      [warningFinding("site.W003", text, { hint: `so since ${since}` })],
      kind === "errors" || kind === "memory" ? LOGS : kind === "job" ? "everspot jobs" : STATUS,
    ),
  );
}

function notices({ status: { mail } }: IllSite): Examined {
  if (mail === undefined || mail.confirmed)
    return well("notices", mail === undefined ? "no mail" : `to ${mail.email}`);
  const hint =
    'follow the link in AWS\'s mail, "Subscription Confirmation"; `everspot notify test` then tries it';
  return examined(
    "notices",
    "",
    [warningFinding("site.W004", `${mail.email} gets no mail yet`, { hint })],
    "everspot notify test",
  );
}

function spend({ status: { spend: has } }: IllSite): Examined[] {
  if (has === undefined) return [];
  const seen = `${usd(has.spent)} of ${usd(has.monthly)} this month, in the whole account`;
  if (has.spent <= has.monthly) return [well("spend", seen)];
  const hint = "`everspot plan` shows what the site itself costs; the rest is the account's";
  return [examined("spend", "", [warningFinding("site.W005", seen, { hint })], "everspot plan")];
}
