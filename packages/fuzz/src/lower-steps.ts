/** Chains of instructions on a few registers. */
import { define, emit, type FunctionContext, rowNamed } from './function-context.ts';
import type { StepShape } from './program-shape.ts';

/** The registers of a chain: the first holds a number. */
export type ChainRegisters = readonly [number, number, number];

/** Lowers steps; one that would read a register without a value sets it instead. */
export function lowerSteps(cx: FunctionContext, registers: ChainRegisters, steps: readonly StepShape[]): void {
  for (const { row: name, dst, src, imm } of steps) {
    const row = rowNamed(name);
    const to = registers[dst];
    const from = row.source === 'reg' ? registers[src] : 0;
    const isDefined = (register: number): boolean => (cx.defined & (1 << register)) !== 0;
    if ((row.dst !== 'write' && !isDefined(to)) || (row.source === 'reg' && !isDefined(from))) {
      emit(cx, 'mov64_reg', { dst: to, src: registers[0] });
    } else emit(cx, name, { dst: to, src: from, imm: row.immUse === 'imm' ? legalImmediate(cx, row, imm) : 0 });
    define(cx, to);
  }
}

/** The kernel refuses shifts by more than the width and divisions by 0 when it can see them. */
export function legalImmediate(
  { flavour }: FunctionContext,
  { op, width }: { op: string; width: number },
  imm: number,
): number {
  if (flavour === 'any') return imm;
  if (op === 'lsh' || op === 'rsh' || op === 'arsh') return imm & (width - 1);
  const divides = op === 'div' || op === 'mod' || op === 'sdiv' || op === 'smod';
  return divides && imm === 0 ? 1 : imm;
}
