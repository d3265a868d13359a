/** What fleets take, and how they count. */
import { DeleteFleetsCommand, DescribeSpotPriceHistoryCommand } from "@aws-sdk/client-ec2";
import prices from "../../provisioner/plan/prices.json" with { type: "json" };
import { accepted, type Question, refusalOf, unknown } from "./question.ts";
import { type Scene, TYPE } from "./scene.ts";

const NO_FLEET = "there is no fleet: an empty one was refused";

export const emptyFleet: Question = {
  id: "empty-fleet",
  asks: "May a fleet be made with a target of 0?",
  ask: async (scene, found) => {
    const { version } = await scene.template();
    const reply = await accepted(
      scene.fleet(version, 0).then((fleet) => {
        found.fleet = fleet;
      }),
    );
    if (found.fleet !== undefined && (await scene.settled(found.fleet)) === undefined) delete found.fleet;
    return reply;
  },
};

const templateInModify: Question = {
  id: "template-in-modify",
  asks: "Does ModifyFleet take the launch template and the total in one call, and show both?",
  ask: async (scene, { fleet }) => {
    if (fleet === undefined) return unknown(NO_FLEET);
    const { version } = await scene.template();
    const began = scene.clock.now();
    const refused = await refusalOf(scene.modify(fleet, await both(scene, version)));
    if (refused !== undefined) return { answer: "no", facts: refused };
    const first = (await scene.look(fleet))?.FleetState ?? "";
    const shows = await scene.until(60, async () => {
      const now = await scene.look(fleet);
      const shown = now?.LaunchTemplateConfigs?.[0]?.LaunchTemplateSpecification?.Version;
      const state = now?.FleetState ?? "";
      return shown === version && state === "active"
        ? { done: true }
        : { waiting: `${state}, version ${shown}` };
    });
    const seconds = Math.round((scene.clock.now() - began) / 1000);
    return { answer: shows === true ? "yes" : "forgotten", facts: { firstState: first, seconds } };
  },
};

const both = async (scene: Scene, version: string) => ({
  LaunchTemplateConfigs: await scene.launch(version),
  TargetCapacitySpecification: { TotalTargetCapacity: 0 },
});

const secondChange: Question = {
  id: "second-change",
  asks: "Does a fleet that is `modifying` take a second change, and with which code does it refuse one?",
  ask: async (scene, { fleet }) => {
    if (fleet === undefined) return unknown(NO_FLEET);
    const [one, two] = [await scene.template(), await scene.template()];
    await scene.settled(fleet);
    const first = await both(scene, one.version);
    const second = await both(scene, two.version);
    await scene.modify(fleet, first);
    const refused = await refusalOf(scene.modify(fleet, second));
    const state = (await scene.look(fleet))?.FleetState ?? "";
    await scene.settled(fleet);
    return refused === undefined
      ? { answer: "accepted", facts: { stateAfterwards: state } }
      : { answer: "refused", facts: { ...refused, stateAfterwards: state } };
  },
};

const lowTotalPrice: Question = {
  id: "low-total-price",
  asks: "Does CreateFleet take a MaxTotalPrice of 0.001, below the price of any instance?",
  ask: async (scene, { fleet }) => {
    if (fleet === undefined) return unknown(NO_FLEET);
    const { version } = await scene.template();
    const nothing = { MaxTotalPrice: "0.001" };
    return accepted(scene.fleet(version, 0, { OnDemandOptions: nothing, SpotOptions: nothing }));
  },
};

const splitTarget: Question = {
  id: "split-target",
  asks: "May ModifyFleet set the on-demand and the spot part of the target?",
  ask: async (scene, { fleet }) => {
    if (fleet === undefined) return unknown(NO_FLEET);
    await scene.settled(fleet);
    const split = { TotalTargetCapacity: 1, OnDemandTargetCapacity: 1, SpotTargetCapacity: 0 };
    const reply = await accepted(scene.modify(fleet, { TargetCapacitySpecification: split }));
    if (reply.answer === "yes") {
      await scene.settled(fleet);
      const target = (await scene.look(fleet))?.TargetCapacitySpecification?.OnDemandTargetCapacity ?? 0;
      reply.facts.shownOnDemand = target;
    }
    // The next questions need no instance of it.
    await scene.clients.ec2.send(new DeleteFleetsCommand({ FleetIds: [fleet], TerminateInstances: true }));
    return reply;
  },
};

/** Seconds for a spot instance to come. */
const COMES = 90;

const totalPriceCounts: Question = {
  id: "total-price-counts",
  asks: "By which price does MaxTotalPrice count a spot instance: its own, or the on-demand price?",
  ask: async (scene) => {
    const onDemand = scene.region === prices.region ? prices.onDemandPerHour[TYPE] : undefined;
    const spot = await dearestSpot(scene);
    if (onDemand === undefined || spot === undefined || spot >= onDemand)
      return unknown("no price between the two");
    const between = ((spot + onDemand) / 2).toFixed(4);
    const { version } = await scene.template();
    const fleet = await scene.fleet(version, 1, { SpotOptions: { MaxTotalPrice: between } });
    const came = await scene.until(COMES, async () => {
      const n = (await scene.look(fleet))?.FulfilledCapacity ?? 0;
      return n > 0 ? { done: true } : { waiting: "none yet" };
    });
    await scene.clients.ec2.send(new DeleteFleetsCommand({ FleetIds: [fleet], TerminateInstances: true }));
    return {
      answer: came === true ? "spot price" : "on-demand price",
      facts: { spot, onDemand, most: Number(between), launched: came === true },
    };
  },
};

async function dearestSpot({ clients, clock }: Scene): Promise<number | undefined> {
  const found = await clients.ec2.send(
    new DescribeSpotPriceHistoryCommand({
      ...{ InstanceTypes: [TYPE], ProductDescriptions: ["Linux/UNIX"], StartTime: new Date(clock.now()) },
    }),
  );
  const all = (found.SpotPriceHistory ?? []).flatMap((p) => Number(p.SpotPrice) || []);
  return all.length === 0 ? undefined : Math.max(...all);
}

/** They go on from `emptyFleet`. */
export const ofFleets = [...[templateInModify, secondChange, lowTotalPrice, splitTarget, totalPriceCounts]];
