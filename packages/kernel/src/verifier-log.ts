/**
 * Reads the verifier's log: what it says at the end (kernel/bpf/verifier.c, print_verification_stats) and the line that
 * tells why a program is refused.
 */

/** The figures at the end of a log. Times are wall time. */
export interface VerifierStats {
  /** Instructions that the verifier went through, over all paths. */
  readonly insnsProcessed: number;
  /** The kernel's limit for {@link insnsProcessed}. */
  readonly insnLimit: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  /** 0 in kernels whose liveness analysis has no marks (from 6.18 on). */
  readonly markRead: number;
  /** Microseconds; level 4 only. */
  readonly verificationTimeUs?: number;
  /** Bytes of stack by subprogram; level 4 only. */
  readonly stackDepth?: readonly number[];
}

/** What a log says in short. */
export interface LogSummary {
  /** Why the program is refused: the last line that is no statistic, no state and no instruction; '' for none. */
  readonly message: string;
  /** Absent when the program did not reach the verifier. */
  readonly stats?: VerifierStats;
}

const PROCESSED =
  /^processed (\d+) insns \(limit (\d+)\) max_states_per_insn (\d+) total_states (\d+) peak_states (\d+)(?: mark_read (\d+))?/m;
const TIME = /^verification time (\d+) usec/m;
const DEPTH = /^stack depth ([\d+]+)/m;
/** What follows the reason of a refusal, or goes before it: statistics, states that an endless loop prints, notes. */
const NOT_A_REASON =
  /^(processed \d+ insns|verification time |stack depth |cur state:|old state:|mark_precise: |; |-- BEGIN PROG LOAD LOG|-- END PROG LOAD LOG)/;
/** A line of the trace: `12: (b7) r0 = 1 ; R0_w=1`, `from 3 to 9: R0=1 ...`, `12: R1=ctx() R10=fp0`. */
const TRACE = /^(\d+: \([0-9a-f]{2}\) |from \d+ to \d+|\d+: (R\d|frame\d))/;

/** Reads a log of any level. */
export function summariseLog(log: string): LogSummary {
  if (log === '') return { message: '' };
  const message = reasonOf(log);
  const stats = readStats(log);
  return stats === undefined ? { message } : { message, stats };
}

function reasonOf(log: string): string {
  let end = log.length;
  let trace = '';
  while (end > 0) {
    const start = log.lastIndexOf('\n', end - 1) + 1;
    const line = log.slice(start, end);
    end = start - 1;
    if (line === '' || NOT_A_REASON.test(line)) continue;
    if (!TRACE.test(line)) return line;
    // Without the newline that the kernel left out, an instruction and the reason share a line.
    trace = trace === '' ? line : trace;
    if (trace !== line) break;
  }
  return '';
}

function readStats(log: string): VerifierStats | undefined {
  const tail = log.slice(-1024);
  const found = PROCESSED.exec(tail);
  if (found === null) return undefined;
  const [insnsProcessed, insnLimit, maxStatesPerInsn, totalStates, peakStates, markRead] = found
    .slice(1)
    .map((digits) => Number(digits ?? 0)) as [number, number, number, number, number, number];
  const time = TIME.exec(tail);
  const depth = DEPTH.exec(tail);
  return {
    insnsProcessed,
    insnLimit,
    maxStatesPerInsn,
    totalStates,
    peakStates,
    markRead,
    ...(time === null ? {} : { verificationTimeUs: Number(time[1]) }),
    ...(depth === null ? {} : { stackDepth: depth[1]!.split('+').map(Number) }),
  };
}
