/**
 * Which hardware register holds which BPF register, per function.
 *
 * r1..r5 live where the C ABI passes arguments, so calls need no moves. r0 lives in the ABI's result register, also when
 * that is the register of the first argument, as long as r0 and r1 are never alive together. r6..r9 take registers that
 * calls preserve, or, in a function without calls, any register that is free, so that nothing need be saved. r10 has no
 * register: the frame's base and bias stand for it. Where shift counts must be in the register of an argument, a function
 * that shifts by registers and makes no calls keeps that argument elsewhere; its prologue moves it there.
 */
import type { FunctionAnalysis } from './analyse.ts';
import type { Assignment } from './assignment.ts';
import { NO_REG } from './op.ts';
import type { RegisterRoles } from './target.ts';

/**
 * Assigns registers to one function.
 *
 * @param extra - further values that live as long as the function: ARENA, FRAME
 */
export function assignRegisters(fn: FunctionAnalysis, roles: RegisterRoles, extra: readonly number[] = []): Assignment {
  const registers: number[] = [NO_REG, ...roles.args, NO_REG, NO_REG, NO_REG, NO_REG, NO_REG, ...roles.scratch];
  const uses = (register: number): boolean => (fn.usedRegisters & (1 << register)) !== 0;
  const volatile = [...roles.callerSaved];
  const resultIsArgument = roles.args.indexOf(roles.result);
  // Only an exact match with the first argument is shared; a target whose result is another argument uses a free one.
  const sharesR0R1 = resultIsArgument === 0 && !fn.r0MeetsR1;
  const preservedArguments = roles.calleeSavedArgs ?? [];
  const { shiftCount, displaced } = shiftCountRegister(fn, roles);
  if (!fn.hasCalls) {
    const unused = roles.args.filter(
      (register, i) =>
        !uses(i + 1) && register !== roles.result && register !== shiftCount && !preservedArguments.includes(register),
    );
    if (roles.prefersArgs === true) volatile.unshift(...unused);
    else volatile.push(...unused);
  }
  if (sharesR0R1 || resultIsArgument < 0) registers[0] = roles.result;
  else registers[0] = volatile.shift() ?? roles.calleeSaved[0]!;
  const isPreserved = (register: number): boolean => roles.calleeSaved.includes(register);
  const accessesFrame = fn.frameAccesses + (fn.frameAddressTaken ? 1 : 0) > 1;
  const frameBase = accessesFrame ? roles.frameBase : undefined;
  const preserved = roles.calleeSaved.filter((register) => register !== registers[0] && register !== frameBase);
  const usedCalleeSaved = preservedArguments.filter((register) => {
    const argument = roles.args.indexOf(register) + 1;
    return (fn.writtenRegisters & (1 << argument)) !== 0;
  });
  const wanted: number[] = [];
  for (const register of displaced === undefined ? [6, 7, 8, 9] : [displaced, 6, 7, 8, 9]) {
    if (uses(register)) wanted.push(register);
    // Never accessed by reachable code, but scratch use of it must not destroy anything.
    else if (register !== displaced) registers[register] = preserved[preserved.length - 1] ?? NO_REG;
  }
  let chosen = [...(fn.hasCalls ? [] : volatile), ...preserved].slice(0, wanted.length);
  if (chosen.length < wanted.length) throw new Error('BUG: too few registers');
  const short = roles.shortRegisters;
  if (short !== undefined) {
    chosen = [...chosen.filter((at) => short.includes(at)), ...chosen.filter((at) => !short.includes(at))];
    sortDescending(wanted, fn.narrowUses);
  }
  wanted.forEach((register, i) => {
    registers[register] = chosen[i]!;
    if (isPreserved(chosen[i]!)) usedCalleeSaved.push(chosen[i]!);
  });
  // Lowerings move things out of argument registers and back; what is not a BPF register stays out of their way.
  const lasting = [...(fn.hasCalls ? [] : roles.callerSaved), ...preserved].filter(
    (register) => !chosen.includes(register) && register !== registers[0],
  );
  for (const value of extra) {
    const register = lasting.shift();
    if (register === undefined) throw new Error('BUG: too few registers');
    while (registers.length < value) registers.push(NO_REG);
    registers[value] = register;
    if (isPreserved(register)) usedCalleeSaved.push(register);
  }
  if (isPreserved(registers[0]!)) usedCalleeSaved.push(registers[0]!);
  return { registers, usedCalleeSaved, sharesR0R1 };
}

/** Orders a few numbers by their weights, the greatest first, equals as they are. */
function sortDescending(numbers: number[], weights: readonly number[]): void {
  for (let i = 1; i < numbers.length; i++) {
    const moved = numbers[i]!;
    let at = i;
    for (; at > 0 && weights[numbers[at - 1]!]! < weights[moved]!; at--) numbers[at] = numbers[at - 1]!;
    numbers[at] = moved;
  }
}

/** The register to keep free for shift counts, and the BPF register that moves out of it, if the function gains by that. */
function shiftCountRegister(fn: FunctionAnalysis, roles: RegisterRoles): { shiftCount?: number; displaced?: number } {
  const { shiftCount } = roles;
  if (shiftCount === undefined || fn.hasCalls) return {};
  const argument = roles.args.indexOf(shiftCount) + 1;
  const own = fn.shiftCountUses[argument]!;
  const others = fn.shiftCountUses.reduce((sum, uses) => sum + uses, -own);
  if (others === 0) return {};
  if ((fn.usedRegisters & (1 << argument)) === 0) return { shiftCount };
  // Each shift by another register saves two moves around it; each by this one needs a move, as does the entry.
  return 2 * others > own + 1 ? { shiftCount, displaced: argument } : {};
}
