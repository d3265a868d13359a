import type { DependencyPhase, ProgressOf } from "../dependencies/progress.ts";

/** How far packing and publishing have got. */
export type Progress = ProgressOf<"files" | DependencyPhase | "zip" | "upload">;

export type OnProgress = (progress: Progress) => void;
