/**
 * A program in the form that the execution loop runs: one `Int32Array` that holds the registers and, for every slot,
 * eight words. A slot is decoded when it is reached for the first time, so that errors come exactly when the program
 * reaches them and a large program costs nothing before it runs.
 *
 * ```text
 *   words 0..21   r0 to r10, low and high half each
 *   words 32..    slots, from word 32 + 8 * insn index:
 *     +0 micro-op   +1 word of dst   +2 word of the second operand: src, or +4 for an immediate
 *     +3 offset, or word of the jump target, or index of the helper
 *     +4 +5 immediate, sign-extended to 64 bits (low, high)
 *     +6 micro-op `bad_jump` for jumps that go nowhere; operation of atomics; kind of helper call
 *     +7 row id
 * ```
 */
import type { BpfError } from '@polybpf/errors';
import { checkInsn, INSN_TABLE, type Insn, type InsnRow, jumpTarget, type Program, type ProgramRelocation, rowOf, rowsOfOpcode } from '@polybpf/isa'; // prettier-ignore
import { BIG_OPS, LITTLE_OPS, microOpNumber } from './dispatch.ts';
import { faultError } from './fault.ts';
import type { Helper, HelperRegistry } from './helpers.ts';
import { storeBigInt } from './int64.ts';
import type { BoundMap, ResolveSymbol, SymbolReference } from './map-binding.ts';
import type { Memory } from './memory.ts';

/** Words of one slot. */
export const SLOT_WORDS = 8;
/** Word of slot 0. */
export const CODE_START = 32;
/** Registers and their halves. */
export const REGISTER_WORDS = 22;

/** Operations of atomics, by their number in word 6. */
export const ATOMIC_OPS = ['add', 'or', 'and', 'xor', 'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg'] as const; // prettier-ignore

/** Added to word 6 of 64-bit atomics. */
export const WIDE_ATOMIC = 16;

/** Word 6 of helper calls. */
export const CALL_HELPER = 0;
export const CALL_TAIL = 1;

/** What decoding needs of the world. */
export interface ImageBinding {
  readonly memory: Memory;
  readonly maps: readonly BoundMap[];
  readonly helpers: HelperRegistry | undefined;
  readonly resolve: ResolveSymbol | undefined;
  /** Id of the built-in tail call helper, or -1. */
  readonly tailCallId: number;
  /** Every load and store is checked for alignment, not only atomics. */
  readonly alignAll: boolean;
}

/** A program ready to run. */
export interface Image extends ImageBinding {
  readonly program: Program;
  readonly code: Int32Array;
  /** Region whose addresses are the program's instructions: offset = 8 * insn index. */
  readonly codeRegion: number;
  /** Helpers that decoded calls have found. */
  readonly called: Helper[];
  readonly relocations: ReadonlyMap<number, ProgramRelocation>;
}

const UNDECODED = 0;
const SECOND_SLOT = 1;
const BAD_JUMP = 2;
const END = 3;
const RARE = /* @__PURE__ */ microOpNumber('rare');

/** Allocates the image of `program`; linear in its slots and cheap. */
export function createImage(program: Program, binding: ImageBinding): Image {
  const { insns } = program;
  const code = binding.memory.allocateWords(CODE_START + (insns.length + 1) * SLOT_WORDS);
  for (let i = 0; i < insns.length; i++) {
    if (rowsOfOpcode(insns[i]!.opcode)[0]?.slots !== 2) continue;
    if (++i < insns.length) code[CODE_START + i * SLOT_WORDS] = SECOND_SLOT;
  }
  code[CODE_START + insns.length * SLOT_WORDS] = END;
  const region = binding.memory.add({
    name: program.name,
    kind: 'code',
    data: new Uint8Array(0),
    readable: false,
    writable: false,
  });
  return {
    ...binding,
    program,
    code,
    codeRegion: region.number,
    called: [],
    relocations: new Map(program.relocations.map((relocation) => [relocation.insn, relocation])),
  };
}

/** Insn index of the slot at word `pc`. */
export function insnIndex(pc: number): number {
  return (pc - CODE_START) >> 3;
}

/** Word of the slot of an insn index. */
export function slotWord(insn: number): number {
  return CODE_START + insn * SLOT_WORDS;
}

/** Says whether `insn` is the index of an instruction: inside the program and not a second slot. */
export function isInsnStart(image: Image, insn: number): boolean {
  return insn >= 0 && insn < image.program.insns.length && image.code[slotWord(insn)] !== SECOND_SLOT;
}

/** Guest address of an instruction. */
export function codeAddress(image: Image, insn: number): bigint {
  return image.memory.addressOf(image.codeRegion, insn * 8);
}

/**
 * Fills the words of a slot.
 *
 * @throws BpfError `E_RUN_OPCODE`, `E_RUN_JUMP`, `E_RUN_SYMBOL`, `E_RUN_HELPER`
 */
export function decodeSlot(image: Image, index: number): void {
  const { code, program } = image;
  const insn = program.insns[index]!;
  const row = legalRow(image, insn, index);
  const pc = slotWord(index);
  const immediate = row.source === 'imm' || row.kind === 'store_imm' || row.kind === 'ld_imm64';
  code[pc + 1] = insn.dst_reg * 2;
  code[pc + 2] = immediate ? pc + 4 : insn.src_reg * 2;
  code[pc + 3] = insn.offset;
  code[pc + 4] = insn.imm;
  code[pc + 5] = insn.imm >> 31;
  code[pc + 6] = BAD_JUMP;
  code[pc + 7] = row.id;
  const ops = program.endian === 'little' ? LITTLE_OPS : BIG_OPS;
  let op = ops[row.id]!;
  switch (row.kind) {
    case 'jmp':
    case 'ja':
    case 'may_goto': {
      const target = jumpTarget(row, insn, index)!;
      code[pc + 3] = isInsnStart(image, target) ? slotWord(target) : pc + 6;
      break;
    }
    case 'call_local':
      code[pc + 3] = slotWord(codeTarget(image, row, insn, index));
      break;
    case 'call_helper':
    case 'call_kfunc':
      decodeCall(image, row, insn, index);
      break;
    case 'ld_imm64':
      decodeImm64(image, row, insn, index);
      break;
    case 'atomic':
      code[pc + 6] = (ATOMIC_OPS as readonly string[]).indexOf(row.op) | (row.width === 64 ? WIDE_ATOMIC : 0);
      break;
    case 'load':
    case 'store':
    case 'store_imm':
      if (image.alignAll && row.width !== 8) op = RARE;
      break;
    default:
  }
  code[pc] = op;
}

/** Forgets what a slot was decoded to, e.g. after a breakpoint was taken away. */
export function undecodeSlot(image: Image, index: number): void {
  image.code[slotWord(index)] = UNDECODED;
}

function legalRow(image: Image, insn: Insn, index: number): InsnRow {
  const problem = checkInsn(insn, index);
  if (problem !== undefined) throw illegal(image, problem, index);
  const row = rowOf(insn)!;
  const second = row.slots === 2 ? secondSlotProblem(image.program.insns, row, index) : undefined;
  if (second !== undefined) throw illegal(image, second, index);
  if (image.relocations.size === 0) return row;
  const relocation = image.relocations.get(index);
  // The relocation decides what a call is: objects leave unresolved calls as calls of a function of their own.
  if (relocation?.kind === 'kfunc' && row.kind === 'call_local') {
    return INSN_TABLE.find(({ kind }) => kind === 'call_kfunc')!;
  }
  return row;
}

function illegal({ program }: Image, problem: string | BpfError, index: number): BpfError {
  const text = typeof problem === 'string' ? problem : problem.message.replace(/^insn \d+: /, '');
  const reason = typeof problem === 'string' ? {} : { reason: problem };
  return faultError('opcode', text, { insn: index, program: program.name, ...reason });
}

function secondSlotProblem(insns: readonly Insn[], row: InsnRow, index: number): string | undefined {
  const next = insns[index + 1];
  if (next === undefined) return `${row.name} has no second slot`;
  if (next.opcode !== 0 || next.dst_reg !== 0 || next.src_reg !== 0 || next.offset !== 0) {
    return `reserved fields of the second slot of ${row.name} are not zero`;
  }
  return row.nextImmUse === 'none' && next.imm !== 0 ? `reserved imm of the second slot of ${row.name}` : undefined;
}

function codeTarget(image: Image, row: InsnRow, insn: Insn, index: number): number {
  const relocation = image.relocations.get(index);
  if (relocation?.kind === 'subprogram') throw unresolved(image, index, `function ${relocation.symbol}`);
  const target = jumpTarget(row, insn, index)!;
  if (isInsnStart(image, target)) return target;
  throw faultError('jump', `${row.name} outside the program`, {
    insn: index,
    program: image.program.name,
    expected: `an instruction of 0 to ${image.program.insns.length - 1}`,
    got: `insn ${target}`,
  });
}

function unresolved({ program }: Image, insn: number, what: string): BpfError {
  return faultError('symbol', `${what} is not bound to anything`, { insn, program: program.name });
}

function decodeCall(image: Image, row: InsnRow, insn: Insn, index: number): void {
  const pc = slotWord(index);
  const { code, called, helpers, program } = image;
  let helper: Helper | undefined;
  let what: string;
  if (row.kind === 'call_kfunc') {
    const name = image.relocations.get(index)?.symbol;
    helper = helpers?.kfunc?.({ ...(name === undefined ? {} : { name }), id: insn.imm, btfIndex: insn.offset });
    if (helper === undefined && name !== undefined) throw unresolved(image, index, `kfunc ${name}`);
    what = `kfunc with BTF id ${insn.imm}`;
  } else {
    helper = helpers?.helper(insn.imm);
    what = `helper ${insn.imm}`;
    if (helper === undefined && insn.imm === image.tailCallId) {
      code[pc + 6] = CALL_TAIL;
      return;
    }
  }
  if (helper === undefined) {
    throw faultError('helper', `${what} is not registered`, { insn: index, program: program.name });
  }
  code[pc + 3] = called.push(helper) - 1;
  code[pc + 6] = CALL_HELPER;
}

function decodeImm64(image: Image, row: InsnRow, insn: Insn, index: number): void {
  const pc = slotWord(index);
  const { code, program } = image;
  const next = program.insns[index + 1]!;
  const relocation = image.relocations.get(index);
  if (relocation?.kind === 'extern' || relocation?.kind === 'subprogram') {
    storeBigInt(code, pc + 4, relocatedAddress(image, relocation, index));
    return;
  }
  switch (row.op) {
    case 'imm64':
      code[pc + 5] = next.imm;
      return;
    case 'func':
      storeBigInt(code, pc + 4, codeAddress(image, codeTarget(image, row, insn, index)));
      return;
    case 'map_idx':
    case 'map_idx_value':
      storeBigInt(code, pc + 4, mapAddress(image, row, insn.imm, next.imm, index));
      return;
    default: {
      const reference: SymbolReference =
        row.op === 'map_fd'
          ? { kind: 'map_fd', fd: insn.imm }
          : row.op === 'map_value'
            ? { kind: 'map_value', fd: insn.imm, offset: next.imm >>> 0 }
            : { kind: 'btf_id', id: insn.imm, btfFd: next.imm };
      const value = image.resolve?.(reference);
      if (value === undefined) throw unresolved(image, index, `${row.name} of ${insn.imm}`);
      storeBigInt(code, pc + 4, value);
    }
  }
}

function relocatedAddress(image: Image, { kind, symbol, addend, weak }: ProgramRelocation, index: number): bigint {
  const value = kind === 'extern' ? image.resolve?.({ kind: 'extern', symbol, addend }) : undefined;
  if (value !== undefined) return value + BigInt(addend);
  if (weak === true) return 0n;
  throw unresolved(image, index, symbol);
}

function mapAddress(image: Image, row: InsnRow, map: number, offset: number, index: number): bigint {
  const bound = image.maps[map];
  if (bound === undefined) throw unresolved(image, index, `map ${map}`);
  if (row.op === 'map_idx') return bound.handle;
  if (bound.values === undefined) throw unresolved(image, index, `value of map ${bound.def.name}`);
  return image.memory.addressOf(bound.values, offset >>> 0);
}
