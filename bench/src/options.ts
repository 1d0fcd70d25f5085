/** What every case of the benchmark is told. */
export interface BenchOptions {
  /** How long each measurement lasts, after a warm-up. */
  readonly seconds: number;
  /** How often each side is measured, in turn. */
  readonly rounds: number;
  /** Print the figures as JSON too. */
  readonly json: boolean;
}
