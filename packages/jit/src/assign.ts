/**
 * Which hardware register holds which BPF register, per function.
 *
 * r1..r5 live where the C ABI passes arguments, so calls need no moves. r0 lives in the ABI's result register, also when
 * that is the register of the first argument, as long as r0 and r1 are never alive together. r6..r9 take registers that
 * calls preserve, or, in a function without calls, any register that is free, so that nothing need be saved. r10 has no
 * register: the frame's base and bias stand for it.
 */
import type { FunctionAnalysis } from './analyse.ts';
import { NO_REG } from './op.ts';
import type { RegisterRoles } from './target.ts';

export interface Assignment {
  /** Hardware register of r0..r9, NO_REG for r10, then the two scratch registers. */
  readonly registers: readonly number[];
  readonly usedCalleeSaved: readonly number[];
  /** Whether r0 and r1 have the same register. */
  readonly sharesR0R1: boolean;
}

/** Assigns registers to one function. */
export function assignRegisters(fn: FunctionAnalysis, roles: RegisterRoles): Assignment {
  const registers: number[] = [NO_REG, ...roles.args, NO_REG, NO_REG, NO_REG, NO_REG, NO_REG, ...roles.scratch];
  const uses = (register: number): boolean => (fn.usedRegisters & (1 << register)) !== 0;
  const volatile = [...roles.callerSaved];
  const resultIsArgument = roles.args.indexOf(roles.result);
  // Only an exact match with the first argument is shared; a target whose result is another argument uses a free one.
  const sharesR0R1 = resultIsArgument === 0 && !fn.r0MeetsR1;
  const preservedArguments = roles.calleeSavedArgs ?? [];
  if (!fn.hasCalls) {
    const unused = roles.args.filter(
      (register, i) => !uses(i + 1) && register !== roles.result && !preservedArguments.includes(register),
    );
    if (roles.prefersArgs === true) volatile.unshift(...unused);
    else volatile.push(...unused);
  }
  if (sharesR0R1 || resultIsArgument < 0) registers[0] = roles.result;
  else registers[0] = volatile.shift() ?? roles.calleeSaved[0]!;
  const isPreserved = (register: number): boolean => roles.calleeSaved.includes(register);
  const accessesFrame = fn.frameAccesses + (fn.frameAddressTaken ? 1 : 0) > 1;
  const frameBase = fn.hasCalls && accessesFrame ? roles.frameBase : undefined;
  const preserved = roles.calleeSaved.filter((register) => register !== registers[0] && register !== frameBase);
  const usedCalleeSaved = preservedArguments.filter((register) => {
    const argument = roles.args.indexOf(register) + 1;
    return (fn.writtenRegisters & (1 << argument)) !== 0;
  });
  for (let register = 6; register <= 9; register++) {
    if (!uses(register)) {
      // Never accessed by reachable code, but scratch use of it must not destroy anything.
      registers[register] = preserved[preserved.length - 1] ?? NO_REG;
      continue;
    }
    const free = fn.hasCalls ? undefined : volatile.shift();
    const chosen = free ?? preserved.shift();
    if (chosen === undefined) throw new Error('BUG: too few registers for r6 to r9');
    registers[register] = chosen;
    if (isPreserved(chosen)) usedCalleeSaved.push(chosen);
  }
  if (isPreserved(registers[0]!)) usedCalleeSaved.push(registers[0]!);
  return { registers, usedCalleeSaved, sharesR0R1 };
}
