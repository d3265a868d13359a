import { readFile } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "../../../agent/site/errors.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing } from "../crowd.ts";
import { change, checkInOrder, mustDeploy } from "../deploys.ts";
import { openEvents, openWebSocket, type Site } from "../live-visitor.ts";
import { onThis } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import { prepareSite } from "../site.ts";

const CHAT = path.resolve(import.meta.dirname, "../../../test/sites/chat");
const TTL = 5;
/** Seconds after the hand-over in which whoever stays is asked to come again (docs/serving.md). */
const TOLD_SECONDS = { "a WebSocket": 2, events: 30 };
/** Longer than both. */
const DRAIN = 32;
const BACK_SECONDS = 2;

/** A connection that stays, and who opens it again at once when it ends. Times in milliseconds since the epoch. */
interface Staying {
  name: keyof typeof TOLD_SECONDS;
  /** Each end: how, when, and when there was another one. */
  ends: { how: string; at: number; back: number; heard: string }[];
  stop(): void;
}

export const liveSwap: Scenario = {
  name: "live-swap",
  about:
    "a site with WebSockets and Server-Sent Events is swapped: WebSockets are told to come again within two seconds, streams end within 30, and both find the new release at once",
  prepare: (cloud, to) =>
    prepareSite(CHAT, to, { dns: { ttl: TTL, drain: DRAIN }, image: { os: "debian-13" }, ...onThis(cloud) }),
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const site: Site = {
      address: (await rehearsal.state())?.address ?? "",
      host: rehearsal.site.domain,
      ca: await readFile(rehearsal.cloud.rootFile, "utf8"),
    };
    const plain = [
      rehearsal.visit({ name: "connects afresh each time" }),
      rehearsal.visit({ name: "keeps connections", keepAlive: true }),
    ];
    for (const visitor of plain) await visitor.first((s) => !failed(s), 30);
    const staying = [
      await stayOn("a WebSocket", () => webSocket(site)),
      await stayOn("events", () => events(site)),
    ];
    await rehearsal.pause(2);
    await change(rehearsal, "second");
    const began = Date.now();
    const done = await mustDeploy(rehearsal);
    await rehearsal.pause(2);
    for (const one of staying) one.stop();
    await Promise.all(plain.map((visitor) => visitor.stop()));
    for (const visitor of plain) checkLostNothing(rehearsal, visitor, began);

    const step = done.steps.find((s) => s.name === "hand over");
    const handedOver = done.began + ((step?.start ?? Number.NaN) + (step?.seconds ?? Number.NaN)) * 1000;
    for (const { name, ends } of staying) {
      const [end] = ends;
      rehearsal.check(ends.length >= 1, `${name} is told to come again`);
      if (end === undefined) continue;
      const [told, back] = [(end.at - handedOver) / 1000, (end.back - end.at) / 1000];
      rehearsal.check(
        told <= TOLD_SECONDS[name],
        `${name} ends within ${TOLD_SECONDS[name]} s of the hand-over, not after ${told} s`,
      );
      rehearsal.check(back <= BACK_SECONDS, `${name} is there again at once, not after ${back} s`);
      const last = ends.at(-1)?.heard ?? "";
      rehearsal.check(
        last.includes(done.release ?? "?"),
        `${name} leads to ${done.release}, not to "${last}"`,
      );
      result.figures = {
        ...result.figures,
        [`${name}: how it ended`]: ends.map(({ how }) => how).join(", "),
        [`${name}: seconds from the hand-over until it ended`]: round(told),
        [`${name}: seconds until it was there again`]: round(back),
      };
    }
    rehearsal.check(
      staying[0]?.ends[0]?.how === "1012",
      `a WebSocket is closed with 1012, not ${staying[0]?.ends[0]?.how}`,
    );
    await checkInOrder(rehearsal, "after the swap", done.release);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

const round = (seconds: number): number => Math.round(seconds * 100) / 100;

/** What was heard first, and how it ended. */
interface Connection {
  heard: string;
  ended: Promise<string>;
  end(): void;
}

async function webSocket(site: Site): Promise<Connection> {
  const socket = await openWebSocket(site, "/room/");
  const heard = await socket.next();
  return { heard, ended: socket.closed.then((code) => String(code ?? "without a word")), end: socket.end };
}

async function events(site: Site): Promise<Connection> {
  const { answer, end } = await openEvents(site, "/ticks/");
  if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`);
  const heard = await new Promise<string>((resolve) =>
    answer.once("data", (chunk) => resolve(String(chunk))),
  );
  const ended = new Promise<string>((resolve) =>
    answer.once("close", () => resolve(answer.complete ? "the stream ended" : "the connection ended")),
  );
  return { heard: heard.trim(), ended, end };
}

/** @throws Error when it cannot be opened at first. */
async function stayOn(name: Staying["name"], open: () => Promise<Connection>): Promise<Staying> {
  let connection = await open();
  let over = false;
  const ends: Staying["ends"] = [];
  const keep = async (): Promise<void> => {
    for (;;) {
      const how = await connection.ended;
      if (over) return;
      const at = Date.now();
      connection = await untilOpen(open, () => over);
      ends.push({ how, at, back: Date.now(), heard: connection.heard });
    }
  };
  void keep().catch((error: unknown) => {
    if (!over) ends.push({ how: messageOf(error), at: Date.now(), back: Number.NaN, heard: "" });
  });
  return {
    name,
    ends,
    stop: () => {
      over = true;
      connection.end();
    },
  };
}

/** Again and again, as browsers do, though with less patience. */
async function untilOpen(open: () => Promise<Connection>, over: () => boolean): Promise<Connection> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (over()) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
