/** How far packing and publishing are; each report replaces the one before of the same phase. */
export interface Progress {
  phase: "files" | "dependencies" | "bytecode" | "zip" | "upload";
  done: number;
  /** Undefined while it is not known. */
  total?: number;
  unit: "files" | "packages" | "bytes";
  /** What is worked on, e.g. "django==5.2". */
  detail?: string;
}

export type OnProgress = (progress: Progress) => void;
