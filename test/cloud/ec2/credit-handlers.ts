import type { CreditMode } from "../machines.ts";
import { AwsError } from "../wire/errors.ts";
import { modeOf } from "./credit-modes.ts";
import { combination, need } from "./errors.ts";
import { select } from "./filters.ts";
import { type Instance, isLive } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";
import type { Place } from "./place.ts";

/** Each instance succeeds or fails for itself (EC2 API Reference, ModifyInstanceCreditSpecification). */
export function creditHandlers(place: Place, instances: Instances): Handlers {
  const change = (id: string, mode: CreditMode): { Code: CreditError; Message: string } | undefined => {
    let instance: Instance;
    try {
      instance = instances.find(id);
    } catch (error) {
      if (error instanceof AwsError) return { Code: error.code as CreditError, Message: error.message };
      throw error;
    }
    if (instance.credits === undefined) {
      const Message = `The instance type ${instance.spec.type.name} does not support CPU credits.`;
      return { Code: "InstanceCreditSpecification.NotSupported", Message };
    }
    if (!isLive(instance) && instance.state !== "stopped") {
      return { Code: "IncorrectInstanceState", Message: `The instance '${id}' is ${instance.state}.` };
    }
    instances.setCredits(instance, mode);
    return undefined;
  };
  return {
    ModifyInstanceCreditSpecification: (input) => {
      const asked = need(input.InstanceCreditSpecifications, "InstanceCreditSpecification").map((s) => ({
        InstanceId: need(s.InstanceId, "InstanceId"),
        mode: modeOf(need(s.CpuCredits, "CpuCredits")),
      }));
      const done = asked.map(({ InstanceId, mode }) => ({ InstanceId, Error: change(InstanceId, mode) }));
      return {
        SuccessfulInstanceCreditSpecifications: done
          .filter((d) => d.Error === undefined)
          .map(({ InstanceId }) => ({ InstanceId })),
        UnsuccessfulInstanceCreditSpecifications: done.filter((d) => d.Error !== undefined),
      };
    },
    DescribeInstanceCreditSpecifications: (input) => {
      const named = input.InstanceIds?.map((id) => instances.find(id));
      const without = named?.find((i) => i.credits === undefined);
      if (without !== undefined) {
        throw combination(`The instance '${without.id}' is of a type without CPU credits.`);
      }
      // Without ids only those that are not as the older types are by default.
      const all = named ?? instances.list().filter((i) => isLive(i) && i.credits === "unlimited");
      const wanted = select(all, input.Filters, { "instance-id": (i) => i.id });
      const { items, nextToken } = page(wanted, input, place.pageSize);
      const InstanceCreditSpecifications = items.map((i) => ({ InstanceId: i.id, CpuCredits: i.credits }));
      return { InstanceCreditSpecifications, NextToken: nextToken };
    },
  };
}

type CreditError =
  | "IncorrectInstanceState"
  | "InstanceCreditSpecification.NotSupported"
  | "InvalidInstanceID.Malformed"
  | "InvalidInstanceID.NotFound";
