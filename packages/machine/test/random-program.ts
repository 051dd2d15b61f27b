import { INSN_TABLE, type Insn, type InsnRow, makeInsn } from '@polybpf/isa';

/** Numbers that repeat for a seed (xorshift32). */
export function createRandom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const EDGES = [
  0, 1, -1, 2, 31, 32, 63, 64, 127, 128, -128, 255, 4095, 4096, -4096, 32767, -32768, 0x7fffffff, -0x80000000,
];
const STACK_SLOTS = 8;
export const MEM_BYTES = 64;

/** Rows by what they do, so that each sort is as likely as the others. */
const SORTS: readonly (readonly InsnRow[])[] = [
  ['alu', 'end'],
  ['jmp'],
  ['load', 'load_acquire'],
  ['store', 'store_imm', 'store_release'],
  ['atomic'],
].map((kinds) => INSN_TABLE.filter(({ kind }) => kinds.includes(kind)));
const MIX = 31;
const HELPER = 1;

/**
 * A program of legal instructions that ends: jumps go forward, memory accesses stay on the stack and in `mem`, every
 * register is defined. Its result depends on all registers and on all it has stored.
 */
export function randomProgram(random: (below: number) => number, length: number): Insn[] {
  const insns: Insn[] = [];
  const value = (): number =>
    random(2) === 0 ? EDGES[random(EDGES.length)]! : (random(2 ** 16) << 16) | random(2 ** 16);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const define = (register: number): void => {
    insns.push(makeInsn(0x18, register, 0, 0, value()), makeInsn(0, 0, 0, 0, value()));
  };
  // r9 = mem, kept all the time
  insns.push(makeInsn(0xbf, 9, 1, 0, 0));
  for (let register = 0; register < 9; register++) define(register);
  for (let slot = 1; slot <= STACK_SLOTS; slot++) insns.push(makeInsn(0x7b, 10, random(9), -8 * slot, 0));
  const body = Array.from({ length }, () => fill(pick(pick(SORTS)), random, value));
  body.forEach((insn, i) => {
    const room = Math.min(6, length - 1 - i);
    insns.push(isJump(insn) ? { ...insn, offset: random(room + 1) } : insn);
  });
  insns.push(makeInsn(0x85, 0, 0, 0, HELPER), ...redefineArguments());
  const call = insns.length;
  insns.push(makeInsn(0x85, 0, 1, 0, 0), ...redefineArguments());
  for (let register = 1; register < 9; register++) mix(insns, register);
  for (let slot = 1; slot <= STACK_SLOTS; slot++) {
    insns.push(makeInsn(0x79, 1, 10, -8 * slot, 0));
    mix(insns, 1);
  }
  insns.push(makeInsn(0x95, 0, 0, 0, 0));
  // a function of its own that uses r6 to r8 and its stack
  insns[call] = makeInsn(0x85, 0, 1, 0, insns.length - call - 1);
  insns.push(makeInsn(0xbf, 6, 1, 0, 0), makeInsn(0xbf, 0, 2, 0, 0), makeInsn(0x7b, 10, 6, -8, 0));
  for (let i = 0; i < 6; i++)
    insns.push(fill(pick(SORTS[0]!), (below) => random(Math.min(below, below === 9 ? 6 : below)), value));
  insns.push(makeInsn(0x79, 7, 10, -8, 0));
  for (const register of [3, 4, 5, 7]) mix(insns, register);
  insns.push(makeInsn(0x95, 0, 0, 0, 0));
  return insns;
}

/** r0 = r0 * 31 ^ register */
function mix(insns: Insn[], register: number): void {
  insns.push(makeInsn(0x27, 0, 0, 0, MIX), makeInsn(0xaf, 0, register, 0, 0));
}

/** A call destroys r1 to r5. */
function redefineArguments(): Insn[] {
  return [0, 6, 7, 8, 6].map((source, i) => makeInsn(0xbf, i + 1, source, 0, 0));
}

/** The helper that random programs call. */
export function mixArguments(arg: (n: number) => bigint): bigint {
  return BigInt.asUintN(
    64,
    [1, 2, 3, 4, 5].reduce((sum, n) => sum * 31n + arg(n), 7n),
  );
}

function isJump({ opcode }: Insn): boolean {
  return (opcode & 7) === 5 || (opcode & 7) === 6;
}

/** One instruction of this row with random operands; jumps still have no offset. */
function fill(row: InsnRow, random: (below: number) => number, value: () => number): Insn {
  const { opcode, fixed, kind } = row;
  const dst = random(9);
  const src = fixed.src_reg ?? (row.src === 'none' ? 0 : random(9));
  const imm = fixed.imm ?? (row.immUse === 'none' ? 0 : value());
  if (row.offsetUse !== 'offset') return makeInsn(opcode, dst, src, fixed.offset ?? 0, imm);
  const onStack = random(2) === 0;
  const base = onStack ? 10 : 9;
  const bytes = row.width / 8;
  const room = onStack ? 8 * STACK_SLOTS : MEM_BYTES;
  const isAtomic = kind === 'atomic' || kind === 'load_acquire' || kind === 'store_release';
  const step = isAtomic ? bytes : 1;
  const at = random(Math.floor((room - bytes) / step) + 1) * step;
  const offset = onStack ? at - room : at;
  return kind === 'load' || kind === 'load_acquire'
    ? makeInsn(opcode, dst, base, offset, imm)
    : makeInsn(opcode, base, src, offset, imm);
}
