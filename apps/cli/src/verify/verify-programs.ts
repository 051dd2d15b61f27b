/** Programs that are verified before they are compiled, and what that saves. */
import { BpfError } from '@polybpf/errors';
import type { Program } from '@polybpf/isa';
import { applyFacts, facts, verify, type VerifyOptions } from '@polybpf/verifier';
import type { Input } from '../input.ts';
import { verifyInputs } from './object-input.ts';
import { readKernelTypes } from './run-verifier.ts';

/** Simpler programs, and for each the accesses that need no check, 1 by instruction. */
export interface VerifiedPrograms {
  readonly programs: readonly Program[];
  readonly proven: readonly Uint8Array[];
}

/**
 * Verifies programs for the newest kernel.
 *
 * @param type - type of all programs, instead of what their sections say
 * @throws BpfError `E_JIT_PROGRAM` for one that is refused, `E_UNSUPPORTED` for one without a verdict
 */
export function verifyPrograms(input: Input, chosen: readonly Program[], type?: string): VerifiedPrograms {
  const kernelBtf = readKernelTypes(undefined);
  const options: VerifyOptions = kernelBtf === undefined ? {} : { kernelBtf };
  const inputs = verifyInputs(input, type);
  const programs: Program[] = [];
  const proven: Uint8Array[] = [];
  for (const program of chosen) {
    const one = inputs[input.programs.indexOf(program)]!;
    const found = facts(one, options);
    if (found === undefined) {
      const { verdict, message, insn } = verify(one, options);
      const at = { symbol: program.name, ...(insn === undefined ? {} : { insn }) };
      if (verdict === 'unsupported')
        throw new BpfError('E_UNSUPPORTED', `verifying ${program.name}: ${message}`, { at });
      throw new BpfError('E_JIT_PROGRAM', `the verifier refuses ${program.name}: ${message}`, { at });
    }
    programs.push({ ...program, insns: applyFacts(program.insns, found) });
    proven.push(found.inBounds);
  }
  return { programs, proven };
}
