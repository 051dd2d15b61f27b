/**
 * arm instructions: one row for each form that `lower.ts`, `abi.ts` and the runner use.
 *
 * A row is the manual's syntax, its box diagram from the most significant bit on, and its section. Encoder, listing and
 * the tests against the platform's assembler come from it:
 *
 * ```text
 * add: row('add', 'add {Rd:reg}, {Rn:reg}, {Rm:reg}', '0000 0000 Rm:8 Rn:8 Rd:8', 'manual, section of ADD'),
 * ```
 */
import { compileLayout, type LayoutForm } from '@polybpf/jit';

/** One row; its layout is proved when the table loads. */
export function row(name: string, syntax: string, layout: string, manual: string): LayoutForm {
  return { name, syntax, manual, layout: compileLayout(name, syntax, layout) };
}

export const INSTRUCTIONS: Readonly<Record<string, LayoutForm>> = {};

/** All rows, for tests and docs. */
export const FORMS: readonly LayoutForm[] = Object.values(INSTRUCTIONS);
