/** A failing program as a test of a vector file, ready to be put into `test-vectors/`. */
import { disassemble } from '@polybpf/asm';
import { formatHex, type Outcome, type VectorTest } from '@polybpf/conformance';
import { type Endian, makeProgram } from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';
import { isEqual } from './reference.ts';

/** What a vector says about itself. */
export interface VectorDetails {
  readonly id: string;
  readonly comment?: string;
  readonly endian: Endian;
  /** Where the expected result comes from, e.g. `linux 6.18`; `self` for the interpreter. */
  readonly source: string;
}

/**
 * The vector whose expected result is `outcome`.
 *
 * @param outcome - of the engine to be believed
 */
export function vectorTest({ insns, mem }: FuzzProgram, outcome: Outcome, details: VectorDetails): VectorTest {
  const { id, comment, endian, source } = details;
  const text = disassemble(makeProgram(insns, { endian }), { directives: false });
  const asm = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'main:');
  const memText = mem.length === 0 ? {} : { mem: formatHex(mem) };
  return { id, ...(comment === undefined ? {} : { comment }), asm, ...memText, endian, expect: expectation(outcome, mem), source }; // prettier-ignore
}

function expectation(outcome: Outcome, mem: Uint8Array): VectorTest['expect'] {
  if (outcome.status === 'error') return { error: outcome.error.code };
  const r0 = `0x${BigInt.asUintN(64, outcome.r0).toString(16)}`;
  return isEqual(outcome.mem, mem) ? { r0 } : { r0, mem: formatHex(outcome.mem) };
}
