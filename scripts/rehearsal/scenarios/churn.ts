import { randomInt } from "node:crypto";
import { churn as play } from "../../../test/system/certificate/churn.ts";
import type { LoneScenario } from "../scenario.ts";

const REPLACEMENTS = 100;
const DAYS = 90;
/** Environment variable that repeats a story. */
const SEED = "EVERSPOT_CHURN_SEED";

/**
 * The agent's certificate code in processes of its own, killed with SIGKILL, with Debian's certbot, against the local
 * AWS and a CA with Let's Encrypt's limits; 90 days pass in minutes.
 */
export const churn: LoneScenario = {
  name: "churn",
  about: "100 replacements in 90 days, many killed on the way: certificates last, and no limit is met",
  async runAlone(result, say) {
    const seed = Number(process.env[SEED] ?? randomInt(2 ** 31));
    say(`seed ${seed} (${SEED}=${seed} repeats it)`);
    const report = await play({
      ...{ replacements: REPLACEMENTS, days: DAYS, lifetime: 90, seed, say },
      ...{ bootKills: 0.25, issuanceKills: 0.75 },
    });
    const { problems, aimed, ...figures } = report;
    result.problems.push(...problems);
    const allowed = 2 + report.killsInIssuance;
    if (report.refused > 0) result.problems.push(`the CA answered "rate limited" ${report.refused} times`);
    if (report.issued > allowed)
      result.problems.push(`${report.issued} certificates were issued, not at most ${allowed}`);
    if (report.attempts < report.orders)
      result.problems.push(`the CA got ${report.orders} orders, the ledger has ${report.attempts}`);
    result.certificate = { orders: report.orders };
    result.figures = {
      seed,
      days: DAYS,
      ...figures,
      "issued at most": allowed,
      "killed in issuance": aimed.join(", "),
    };
  },
};
