/** What {@link verify} answers: plain data. */

/** The answer. */
export type Verdict = 'accept' | 'reject' | 'unsupported';

/** What a verification found. */
export interface VerifyReport {
  readonly verdict: Verdict;
  /** Stable code of a refusal, e.g. `stack-out-of-bounds`; the feature, of what is unsupported. */
  readonly code: string | undefined;
  /** Insn at which it ended. */
  readonly insn: number | undefined;
  /** Last line of what the kernel says; '' when it says nothing. */
  readonly message: string;
  /** All lines of it. */
  readonly lines: readonly string[];
  /** Positive number; 0 when accepted. */
  readonly errno: number;
  readonly processed: number;
  readonly totalStates: number;
  readonly peakStates: number;
  readonly maxStatesPerInsn: number;
  /** Bytes of stack by function. */
  readonly stackDepths: readonly number[];
  /** The log at the level that was asked for; '' for level 0. */
  readonly log: string;
}
