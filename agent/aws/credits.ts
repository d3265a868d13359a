import { type EC2Client, ModifyInstanceCreditSpecificationCommand } from "@aws-sdk/client-ec2";
import type { CreditMode } from "../ports/credits.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

const NO_CREDITS = "InstanceCreditSpecification.NotSupported";

export function createCreditMode(client: EC2Client, instance: string): CreditMode {
  const refused = (why: string, more: { retry?: "retry"; cause?: unknown }) =>
    new EverspotError(`EC2: switching the CPU credits of ${instance} to standard: ${why}`, {
      ...more,
      hint: "the instances' role needs ec2:ModifyInstanceCreditSpecification; `everspot up` grants it",
    });
  return {
    async standard() {
      const asked = { InstanceId: instance, CpuCredits: "standard" };
      const answer = await client
        .send(new ModifyInstanceCreditSpecificationCommand({ InstanceCreditSpecifications: [asked] }))
        .catch((cause: unknown) => {
          throw refused(messageOf(cause), { retry: "retry", cause });
        });
      // A reply without an error of its own names those that failed (EC2 API, ModifyInstanceCreditSpecification).
      const failed = answer.UnsuccessfulInstanceCreditSpecifications?.[0];
      if (failed !== undefined) {
        const { Code = "", Message = "no reason given" } = failed.Error ?? {};
        throw refused(`${Code}: ${Message}`, Code === NO_CREDITS ? {} : { retry: "retry" });
      }
      const done = answer.SuccessfulInstanceCreditSpecifications?.some((s) => s.InstanceId === instance);
      if (done !== true) throw refused("its answer does not name the instance", { retry: "retry" });
    },
  };
}
