/** Transfers of control that the execution loop leaves to functions: helper calls, tail calls, callbacks, faults of jumps. */
import { BpfError } from '@polybpf/errors';
import { INSN_TABLE, jumpTarget } from '@polybpf/isa';
import { faultAt, formatAddress } from './fault.ts';
import type { Helper } from './helpers.ts';
import { CALL_TAIL, CODE_START, insnIndex, isInsnStart, slotWord } from './image.ts';
import { storeBigInt, storeInteger, toBigInt } from './int64.ts';
import { clobberArguments, closeFrame, enterFunction, faultHere, openFrame, type Machine, STATUS_DONE, STATUS_SWITCHED, switchImage } from './machine.ts'; // prettier-ignore

/** `BPF_MAP_TYPE_PROG_ARRAY`. */
const MAP_TYPE_PROG_ARRAY = 3;
/** What a tail call leaves in r0 when it does not happen; the kernel leaves r0 undefined. */
const EINVAL = 22;
const ENOENT = 2;
const ELOOP = 40;

/** Says whether may_goto at the slot that runs jumps: its frame's counter is used up (kernel: `BPF_JCOND`). */
export function mayGoto(cx: Machine): boolean {
  const left = cx.loops[cx.depth]!;
  if (left === 0) return true;
  cx.loops[cx.depth] = left - 1;
  return false;
}

/** The error for a taken jump that goes nowhere; `cx.pc` is word 6 of the jump's slot. */
export function badJump(cx: Machine): BpfError {
  cx.pc -= 6;
  const index = insnIndex(cx.pc);
  const row = INSN_TABLE[cx.code[cx.pc + 7]!]!;
  const target = jumpTarget(row, cx.image.program.insns[index]!, index)!;
  return outside(cx, row.name, `insn ${target}`);
}

/** The error for running past the last instruction. */
export function fallOffEnd(cx: Machine): BpfError {
  const { length } = cx.image.program.insns;
  const isSecondSlot = length > 1 && !isInsnStart(cx.image, length - 1);
  cx.pc = slotWord(Math.max(0, length - (isSecondSlot ? 2 : 1)));
  return faultHere(cx, 'jump', 'control runs past the last instruction', { expected: 'exit or a jump' });
}

function outside(cx: Machine, what: string, got: string): BpfError {
  const last = cx.image.program.insns.length - 1;
  return faultHere(cx, 'jump', `${what} leaves the program`, { expected: `an instruction of 0 to ${last}`, got });
}

/** Call of a helper or kfunc at `cx.pc`: the word of the next slot, or a status. */
export function callHelper(cx: Machine): number {
  const { code, pc, image } = cx;
  if (code[pc + 6] === CALL_TAIL) return tailCall(cx);
  return runHelper(cx, image.called[code[pc + 3]!]!);
}

/**
 * callx: calls what the register holds, the address of a function (ld_imm64 with `BPF_PSEUDO_FUNC`) or a helper id, as
 * the conformance suite has it.
 */
export function callRegister(cx: Machine): number {
  const { code, pc, image } = cx;
  const d = code[pc + 1]!;
  const address = toBigInt(code, d);
  if (code[d + 1] !== 0) return enterFunction(cx, pc + 8, slotWord(functionAt(cx, address)));
  const id = code[d]!;
  const helper = image.helpers?.helper(id);
  if (helper !== undefined) return runHelper(cx, helper);
  if (id === image.tailCallId) return tailCall(cx);
  throw faultHere(cx, 'helper', `helper ${id >>> 0} is not registered`);
}

/**
 * Insn index of the function at a guest address of the running program.
 *
 * @throws BpfError `E_RUN_JUMP`
 */
function functionAt(cx: Machine, address: bigint): number {
  const { image } = cx;
  const offset = Number(BigInt.asUintN(32, address));
  const isCode = Number(BigInt.asUintN(64, address) >> 32n) === image.codeRegion;
  if (isCode && offset % 8 === 0 && isInsnStart(image, offset / 8)) return offset / 8;
  throw faultHere(cx, 'jump', 'call of an address', {
    expected: 'the address of a function of this program',
    got: formatAddress(address),
  });
}

function runHelper(cx: Machine, helper: Helper): number {
  const { pc } = cx;
  let result: bigint | number | void;
  try {
    result = helper.call(cx.helperContext);
  } catch (error) {
    throw helperFault(cx, helper, error);
  }
  if (cx.terminated !== undefined) {
    storeBigInt(cx.code, 0, cx.terminated);
    return STATUS_DONE;
  }
  if (result !== undefined) storeResult(cx, helper, result);
  if (cx.limits.clobber) clobberArguments(cx.code);
  return pc + 8;
}

function storeResult(cx: Machine, helper: Helper, result: bigint | number): void {
  if (typeof result === 'bigint') storeBigInt(cx.code, 0, result);
  else if (Number.isSafeInteger(result)) storeInteger(cx.code, 0, result);
  else
    throw faultHere(cx, 'helper', `result of ${helperName(helper)}`, { expected: 'an integer', got: String(result) });
}

function helperName({ id, name }: Helper): string {
  return name === undefined ? `helper ${id}` : `helper ${id} (${name})`;
}

function helperFault(cx: Machine, helper: Helper, error: unknown): unknown {
  if (error instanceof BpfError) {
    if (error.code.startsWith('E_RUN_')) return faultAt(error, insnIndex(cx.pc), cx.image.program.name);
    return faultHere(cx, 'helper', `${helperName(helper)} failed: ${error.message}`, { reason: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  return faultHere(cx, 'helper', `${helperName(helper)} failed: ${text}`, { reason: error });
}

/**
 * `bpf_tail_call(ctx, map, index)`: replaces the function that runs, be it the main program or a subprogram, by the
 * program in the slot. That one starts with the registers as they are and the frame of the replaced function; its exit
 * returns to whoever called that function. At most `maxTailCalls` happen in one run. A call that cannot be made falls
 * through with a negative errno in r0.
 *
 * @throws BpfError `E_RUN_HELPER` when r2 is no program array
 */
function tailCall(cx: Machine): number {
  const { code, pc } = cx;
  const map = cx.helperContext.mapAt(toBigInt(code, 4));
  if (map === undefined || map.def.type !== MAP_TYPE_PROG_ARRAY) {
    throw faultHere(cx, 'helper', 'tail call', {
      expected: 'a program array in r2',
      got: map === undefined ? formatAddress(toBigInt(code, 4)) : `map ${map.def.name} of type ${map.def.type}`,
    });
  }
  const index = code[6]! >>> 0;
  const target = index < map.def.maxEntries ? cx.tailTable(map, index) : undefined;
  if (target === undefined || cx.tailCalls >= cx.limits.maxTailCalls) {
    storeInteger(code, 0, index >= map.def.maxEntries ? -EINVAL : target === undefined ? -ENOENT : -ELOOP);
    if (cx.limits.clobber) clobberArguments(code);
    return pc + 8;
  }
  cx.tailCalls++;
  cx.activation[cx.depth] = cx.depth;
  const switched = target !== cx.image;
  if (switched) switchImage(cx, target);
  openFrame(cx, cx.depth);
  if (!switched) return CODE_START;
  cx.pc = CODE_START;
  return STATUS_SWITCHED;
}

/** How callbacks run the loop until their function has returned. */
export type Drive = (cx: Machine) => void;

/**
 * Calls a function of the running program from inside a helper; registers, frame and image are as before afterwards.
 *
 * @returns r0 of the function
 */
export function callBack(cx: Machine, drive: Drive, address: bigint, args: readonly (bigint | number)[]): bigint {
  const { code, image, pc, depth, hostDepth, fuel } = cx;
  // A callback has ended the program; the helper only has not returned yet.
  if (cx.terminated !== undefined) return cx.terminated;
  const registers = code.slice(0, CODE_START);
  const target = slotWord(functionAt(cx, address));
  enterFunction(cx, pc, target);
  cx.hostDepth = cx.depth;
  cx.pc = target;
  args.forEach((value, k) => storeArgument(cx.code, k + 1, value));
  cx.reserve += fuel;
  cx.fuel = 0;
  try {
    drive(cx);
    return toBigInt(cx.code, 0);
  } finally {
    for (let open = cx.depth; open > depth; open--) closeFrame(cx, open);
    cx.depth = depth;
    cx.hostDepth = hostDepth;
    if (cx.image !== image) switchImage(cx, image);
    code.set(registers);
    const left = cx.reserve + cx.fuel;
    cx.fuel = Math.min(fuel, left);
    cx.reserve = left - cx.fuel;
    cx.pc = pc;
  }
}

/** Stores an argument in register `n`. */
export function storeArgument(code: Int32Array, n: number, value: bigint | number): void {
  if (typeof value === 'bigint') storeBigInt(code, 2 * n, value);
  else if (Number.isSafeInteger(value)) storeInteger(code, 2 * n, value);
  else {
    throw new BpfError('E_INPUT', `value of r${n}`, { expected: 'a bigint or a safe integer', got: String(value) });
  }
}
