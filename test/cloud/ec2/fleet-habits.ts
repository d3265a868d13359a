/** What the documentation leaves open or contradicts itself about, so that both must do. */
export interface FleetHabits {
  /** The error's code when a fleet that is not `active` is to be changed. */
  notModifiable: string;
  /**
   * Whether ModifyFleet takes OnDemandTargetCapacity and SpotTargetCapacity: the user guide lists all three capacities,
   * the API answers "Currently we only support total target capacity modification".
   */
  modifiesSplit: boolean;
  /** Whether a fleet can be created with a target of 0. */
  beginsEmpty: boolean;
}

/** The unkinder side of each, where the product needs none of the kinder. */
export const unkindHabits: FleetHabits = {
  notModifiable: "IncorrectState",
  modifiesSplit: false,
  beginsEmpty: true,
};
