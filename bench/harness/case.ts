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
}

export interface BenchOptions {
  rounds: number;
  windowMs: number;
  /** Say what is being done, to the terminal and not into the JSON. */
  say: (text: string) => void;
}

export interface Case {
  key: string;
  /** What is compared with what, for the table. */
  title: string;
  /** The ratio that DESIGN asks for. */
  reach: number;
  /** Only run when it is asked for by its key. */
  onRequest?: true;
  run(options: BenchOptions): Promise<Measurement>;
}
