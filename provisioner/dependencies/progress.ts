/** How far some work has got; each report replaces the previous one of the same phase. */
export interface ProgressOf<Phase extends string> {
  phase: Phase;
  done: number;
  /** Undefined while it is not known. */
  total?: number;
  unit: "files" | "packages" | "bytes";
  /** What is being worked on, e.g. "django==5.2". */
  detail?: string;
}

export type DependencyPhase = "dependencies" | "bytecode";

export type OnProgress = (progress: ProgressOf<DependencyPhase>) => void;
