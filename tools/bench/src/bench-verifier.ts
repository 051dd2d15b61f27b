/** The verifier beside the kernel's, on the same programs in the same rounds. */
import { assemble } from '@polybpf/asm';
import type { LiveKernel } from '@polybpf/kernel';
import { verify } from '@polybpf/verifier';
import { type Case, interleave, type Rounds, timed } from './repeat.ts';
import type { Summary } from './statistics.ts';
import { verifierPrograms } from './verifier-programs.ts';

export interface VerifierRow {
  readonly name: string;
  readonly slots: number;
  /** Instructions that our verifier walked. */
  readonly processed: number;
  readonly ns: Summary;
  /** The kernel's own figure for the same program, in nanoseconds; absent without a live kernel. */
  readonly kernelNs?: Summary;
  /** Disagreement with the kernel. */
  readonly wrong?: string;
}

/** `BPF_LOG_STATS`: the kernel measures itself, the load's copying and compiling left out. */
const STATS = 4;

/**
 * Times every program.
 *
 * @param kernel - to compare with; its times are wall time, by its own clock
 */
export function benchVerifier(isQuick: boolean, rounds: Rounds, kernel: LiveKernel | undefined): VerifierRow[] {
  const cases: Case[] = [];
  const rows = verifierPrograms(isQuick).map(({ name, type, text }) => {
    const { insns } = assemble(text);
    const { verdict, message, processed } = verify({ insns, type });
    const ours = (): void => void verify({ insns, type });
    cases.push({ name, run: () => timed(ours, 5) });
    const row = { name, slots: insns.length, processed };
    if (verdict !== 'accept') return { ...row, wrong: `${verdict}: ${message}` };
    if (kernel === undefined) return row;
    const load = (): { readonly ns: number; readonly processed: number } => {
      const outcome = kernel.load(insns, { type, logLevel: STATS });
      if (outcome.accepted) kernel.close(outcome.fd);
      const { verificationTimeUs = NaN, insnsProcessed = 0 } = outcome.stats ?? {};
      return { ns: verificationTimeUs * 1000, processed: outcome.accepted ? insnsProcessed : -1 };
    };
    const told = load().processed;
    if (told !== processed) return { ...row, wrong: `the kernel walked ${told}` };
    cases.push({ name: `kernel ${name}`, run: () => load().ns });
    return row;
  });
  const summaries = interleave(cases, rounds);
  return rows.map((row) => {
    const kernelNs = summaries.get(`kernel ${row.name}`);
    return { ...row, ns: summaries.get(row.name)!, ...(kernelNs !== undefined && { kernelNs }) };
  });
}
