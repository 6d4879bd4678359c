import type { Side } from "./compare.ts";

/** One line of the table. `ratio` is ours over theirs, and higher is better. */
export interface Measurement {
  ratio: number;
  ours: number;
  theirs: number;
  unit: string;
  /** Ratio of requests per processor second; null where the system does not tell. */
  cpu_ratio: number | null;
  /** Milliseconds; absent where the case is not about answers. */
  p50?: { ours: number; theirs: number };
  p99?: { ours: number; theirs: number };
  /** Microseconds of processor time per request. */
  cpu_us?: { ours: number; theirs: number } | null;
  /** What else is worth knowing, in a line below the table. */
  note?: string;
}

export interface BenchOptions {
  rounds: number;
  windowMs: number;
  /** Open the runtime to a profiler. */
  inspect: boolean;
  /** Say what is being done, to the terminal and not into the JSON. */
  say: (text: string) => void;
}

interface CaseHead {
  key: string;
  /** What is compared with what, for the table. */
  title: string;
  /** The ratio that is aimed at. */
  reach: number;
  /** Only run when it is asked for by its key. */
  onRequest?: true;
}

/** Two sides, ready to be asked, that have proved to give the same answers. */
export interface Comparison {
  ours: Side;
  theirs: Side;
  dispose(): Promise<void>;
}

/** Most cases compare the requests per second of two sides; one that measures something else does it itself. */
export type Case = CaseHead &
  (
    | { prepare(options: BenchOptions): Promise<Comparison> }
    | { measure(options: BenchOptions): Promise<Measurement> }
  );
