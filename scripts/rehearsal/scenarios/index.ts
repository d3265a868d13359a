import type { Scenario } from "../scenario.ts";
import { appHang } from "./app-hang.ts";
import { badCandidateLoop } from "./bad-candidate-loop.ts";
import { badRelease } from "./bad-release.ts";
import { bake } from "./bake.ts";
import { certificate } from "./certificate.ts";
import { churn } from "./churn.ts";
import { data } from "./data.ts";
import { docsReadme, docsStart } from "./docs.ts";
import { drill } from "./drill.ts";
import { heal, healAtBaseline } from "./heal.ts";
import { inPlaceFailure } from "./in-place-failure.ts";
import { interruption, interruptionNoCapacity } from "./interruption.ts";
import { jobs } from "./jobs.ts";
import { killedDeploy } from "./killed-deploy.ts";
import { killedInPlace } from "./killed-in-place.ts";
import { layerRenewal } from "./layer-renewal.ts";
import { liveSwap } from "./live-swap.ts";
import { moveIn, moveInShort } from "./move-in.ts";
import { notices } from "./notices.ts";
import { offlineHeavy } from "./offline-heavy.ts";
import { offlineDebian12, offlineReplacement } from "./offline-replacement.ts";
import { owner } from "./owner.ts";
import { rebalance } from "./rebalance.ts";
import { reboot } from "./reboot.ts";
import { reclaims } from "./reclaims.ts";
import { spentBudget } from "./spent-budget.ts";
import { state, stateFast } from "./state.ts";
import { stateInPlace } from "./state-in-place.ts";
import { stateOn } from "./state-on.ts";
import { stateSwap, stateSwapShort } from "./state-swap.ts";
import { stateTorture } from "./state-torture.ts";
import { swap, swapTemplate } from "./swap.ts";
import { swapInPlace } from "./swap-in-place.ts";
import { swaps } from "./swaps.ts";
import { takeBack } from "./take-back.ts";
import { twoDeploys } from "./two-deploys.ts";
import { upAfterDown } from "./up-after-down.ts";
import { upgrade } from "./upgrade.ts";
import { zombie } from "./zombie.ts";

/** In the order of `--all`. */
export const scenarios: readonly Scenario[] = [
  heal,
  healAtBaseline,
  upAfterDown,
  reclaims,
  offlineReplacement,
  offlineDebian12,
  offlineHeavy,
  interruption,
  interruptionNoCapacity,
  rebalance,
  drill,
  takeBack,
  bake,
  layerRenewal,
  reboot,
  state,
  stateFast,
  data,
  owner,
  docsStart,
  docsReadme,
  stateOn,
  stateInPlace,
  moveInShort,
  moveIn,
  stateSwapShort,
  stateSwap,
  stateTorture,
  swap,
  swapTemplate,
  liveSwap,
  swapInPlace,
  swaps,
  twoDeploys,
  inPlaceFailure,
  badRelease,
  killedDeploy,
  killedInPlace,
  jobs,
  appHang,
  spentBudget,
  notices,
  badCandidateLoop,
  zombie,
  upgrade,
  certificate,
  churn,
];
