/**
 * Programs that try to get out: wild pointers, offsets that wrap, pointers that were good and then changed, on one way
 * through the program only, or a little with every turn of a loop; every width, atomics, frames of other functions,
 * endless recursion, calls of what is no function, helpers that get bad pointers. For proving that sandboxed code stays
 * inside, not for comparing results: their own depend on addresses.
 */
import { INSN_TABLE, type Insn, type InsnRow, makeInsn } from '@polybpf/isa';
import { type CodeLine, insnsOf, type Label, type Line, makeLabel } from './code-lines.ts';

/** A program and the memory it gets. */
export interface HostileProgram {
  readonly insns: readonly Insn[];
  readonly mem: Uint8Array;
}

/** Helpers that hostile programs call; what runs them provides these. */
export const HOSTILE_HELPERS = { write: 1, combine: 2, callback: 3, fill: 4 } as const;

const rows = (kinds: readonly InsnRow['kind'][]): readonly InsnRow[] =>
  INSN_TABLE.filter(({ kind }) => kinds.includes(kind));
const LOADS = /* @__PURE__ */ rows(['load', 'load_acquire']);
const STORES = /* @__PURE__ */ rows(['store', 'store_imm', 'store_release', 'atomic']);
const CHANGES = /* @__PURE__ */ rows(['alu', 'end', 'addr_space_cast']);
const BRANCHES = /* @__PURE__ */ rows(['jmp']);
const OFFSETS = [0, 0, 0, 1, -1, 4, 7, 8, -8, 16, 64, -64, 256, 4088, -4096, 0x7ff8, 0x7fff, -0x8000, -0x7ff8];
const FRAME_OFFSETS = [-8, -8, -16, -64, -512, -520, 0, 8, -4, -1, 1, 64, 0x7ff8, -0x8000, 4096, -4096];
const STEPS = [1, -1, 8, -8, 64, 4096, -4096, 32760, -32768, 65536, -65536, 0x7fff8, -0x80000, 0x100000, 0x7ffffff8];
const SHIFTS = [1, 2, 3, 8, 16, 20, 28, 31, 32, 33, 48, 60, 63];
/** Registers that statements use, those near the front more often, so that they meet. */
const REGISTERS = [2, 3, 2, 3, 6, 7, 1, 4, 5, 0, 8];
/** Counts loops, and holds nothing else. */
const COUNTER = 9;
const MEMORY = 6;
const SIZES = [0, 8, 64, 100, 4096];

/** Random numbers from one seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Writer {
  readonly lines: Line[];
  readonly random: () => number;
  readonly targets: readonly bigint[];
  /** Where the functions of the program start, the first included. */
  readonly functions: readonly Label[];
}

const below = ({ random }: Writer, count: number): number => Math.floor(random() * count);
const pick = <T>(w: Writer, list: readonly T[]): T => list[below(w, list.length)]!;
const register = (w: Writer): number => pick(w, REGISTERS);
const chance = (w: Writer, part: number): boolean => w.random() < part;

/**
 * A hostile program.
 *
 * @param seed - any integer
 * @param targets - addresses that it should try: edges of what it may access, and what lies around
 */
export function hostileProgram(seed: number, targets: readonly bigint[]): HostileProgram {
  const random = randomOf(seed);
  const functions = Array.from({ length: 1 + Math.floor(random() * 3) }, makeLabel);
  const w: Writer = { lines: [], random, targets, functions };
  functions.forEach((label, i) => {
    w.lines.push(label);
    prologue(w, i === 0);
    const count = 2 + below(w, 14);
    for (let k = 0; k < count; k++) statement(w, 2);
    line(w, 'exit', {});
  });
  const mem = Uint8Array.from({ length: pick(w, SIZES) }, () => below(w, 256));
  const insns = insnsOf(w.lines);
  if (insns === undefined) throw new Error('BUG: a hostile program with a wild jump');
  return { insns, mem };
}

type Fields = Partial<Pick<Insn, 'dst_reg' | 'src_reg' | 'offset' | 'imm'>>;

function line(w: Writer, name: string | InsnRow, fields: Fields, target?: Label, nextImm?: number): void {
  const row = typeof name === 'string' ? INSN_TABLE.find((candidate) => candidate.name === name)! : name;
  const f = { ...fields, ...row.fixed };
  const insn = makeInsn(row.opcode, f.dst_reg ?? 0, f.src_reg ?? 0, f.offset ?? 0, f.imm ?? 0);
  const added: CodeLine = { kind: 'insn', insn, nextImm: row.slots === 2 ? (nextImm ?? 0) : undefined, target };
  w.lines.push(added);
}

/** Something in every register: memory, addresses, garbage. Later functions get what their caller had in r1 to r5. */
function prologue(w: Writer, isFirst: boolean): void {
  line(w, 'mov64_reg', { dst_reg: MEMORY, src_reg: 1 });
  line(w, 'mov64_imm', { dst_reg: COUNTER, imm: 0 });
  for (const dst_reg of isFirst ? [0, 3, 4, 5, 7, 8] : [0, 7, 8]) {
    if (chance(w, 0.12)) wild(w, dst_reg);
    else if (chance(w, 0.7)) line(w, 'mov64_reg', { dst_reg, src_reg: MEMORY });
    else if (chance(w, 0.3)) line(w, 'mov64_reg', { dst_reg, src_reg: 10 });
    else line(w, 'mov64_imm', { dst_reg, imm: below(w, 2 ** 32) | 0 });
  }
}

/** An address from the list, or one nearby. */
function wild(w: Writer, dst_reg: number): void {
  const near = [0n, 0n, 1n, -1n, 8n, -8n, 0x8000n, -0x8000n, 0x7fff8n, -0x80008n, 0x100000n, -0x100008n];
  const value = BigInt.asIntN(64, pick(w, w.targets) + pick(w, near));
  line(w, 'ld_imm64', { dst_reg, imm: Number(BigInt.asIntN(32, value)) }, undefined, Number(value >> 32n));
}

/** One statement; loops and branches contain others, `depth` deep. */
function statement(w: Writer, depth: number): void {
  const kind = w.random();
  if (kind < 0.42) access(w, register(w), pick(w, OFFSETS));
  else if (kind < 0.6) change(w, register(w));
  else if (kind < 0.62) wild(w, register(w));
  else if (kind < 0.72) frame(w);
  else if (kind < 0.76) line(w, 'mov64_reg', { dst_reg: register(w), src_reg: pick(w, [MEMORY, 10, register(w)]) });
  else if (kind < 0.84 && depth > 0) skip(w, depth);
  else if (kind < 0.9 && depth > 1) loop(w, depth);
  else call(w);
}

function access(w: Writer, base: number, offset: number): void {
  const other = register(w);
  if (chance(w, 0.5)) line(w, pick(w, LOADS), { dst_reg: other, src_reg: base, offset });
  else line(w, pick(w, STORES), { dst_reg: base, src_reg: other, offset, imm: below(w, 256) });
}

/** Moves a pointer, a little or far. */
function change(w: Writer, dst_reg: number): void {
  if (chance(w, 0.5)) return line(w, 'add64_imm', { dst_reg, imm: pick(w, [...STEPS, ...OFFSETS]) });
  if (chance(w, 0.4)) return line(w, 'add64_reg', { dst_reg, src_reg: register(w) });
  const row = pick(w, CHANGES);
  const isShift = row.op === 'lsh' || row.op === 'rsh' || row.op === 'arsh';
  const imm = isShift
    ? pick(w, SHIFTS) & (row.width - 1)
    : pick(w, [...STEPS, 0, 255, 0xffff, -1, below(w, 2 ** 32) | 0]);
  line(w, row, { dst_reg, src_reg: register(w), imm });
}

/** The stack: inside, outside, far outside, and its address in other hands. */
function frame(w: Writer): void {
  if (chance(w, 0.6)) return access(w, 10, pick(w, FRAME_OFFSETS));
  const dst_reg = register(w);
  line(w, 'mov64_reg', { dst_reg, src_reg: 10 });
  line(w, 'add64_imm', { dst_reg, imm: pick(w, [...FRAME_OFFSETS, ...STEPS]) });
  access(w, dst_reg, pick(w, OFFSETS));
}

/** A part that is executed or not, so that what was checked in it was not checked always. */
function skip(w: Writer, depth: number): void {
  const end = makeLabel();
  const row = pick(w, BRANCHES);
  line(w, row, { dst_reg: register(w), src_reg: register(w), imm: pick(w, [0, 1, -1, 255, 0x10000]) }, end);
  const count = 1 + below(w, 4);
  for (let i = 0; i < count; i++) statement(w, depth - 1);
  w.lines.push(end);
}

/** A loop over statements, mostly with a pointer that walks. */
function loop(w: Writer, depth: number): void {
  const again = makeLabel();
  const end = makeLabel();
  const pointer = register(w);
  line(w, 'mov64_imm', { dst_reg: COUNTER, imm: pick(w, [2, 5, 100, 1000, 20_000]) });
  w.lines.push(again);
  if (chance(w, 0.7)) {
    access(w, pointer, pick(w, OFFSETS));
    if (chance(w, 0.8)) line(w, 'add64_imm', { dst_reg: pointer, imm: pick(w, STEPS) });
    else line(w, 'add64_reg', { dst_reg: pointer, src_reg: register(w) });
  }
  const count = below(w, 3);
  for (let i = 0; i < count; i++) statement(w, Math.min(1, depth - 1));
  if (chance(w, 0.1)) line(w, 'may_goto', {}, end);
  line(w, 'add64_imm', { dst_reg: COUNTER, imm: -1 });
  line(w, 'jsgt64_imm', { dst_reg: COUNTER, imm: 0 }, again);
  w.lines.push(end);
}

/** Functions of its own, recursion included; helpers; anything that a register holds. */
function call(w: Writer): void {
  const kind = w.random();
  if (kind < 0.35) line(w, 'call_local', {}, pick(w, w.functions));
  else if (kind < 0.8) {
    if (chance(w, 0.3)) line(w, 'mov64_reg', { dst_reg: 1, src_reg: pick(w, [MEMORY, 10]) });
    if (chance(w, 0.5)) line(w, 'mov64_imm', { dst_reg: 2, imm: pick(w, [0, 8, 64, 4096, -1]) });
    const callback = chance(w, 0.3) ? pick(w, w.functions) : undefined;
    if (callback !== undefined) line(w, 'ld_imm64_func', { dst_reg: 1 }, callback);
    const imm = callback === undefined ? pick(w, Object.values(HOSTILE_HELPERS)) : HOSTILE_HELPERS.callback;
    line(w, 'call_helper', { imm });
  } else {
    const dst_reg = register(w);
    if (chance(w, 0.4)) line(w, 'ld_imm64_func', { dst_reg }, pick(w, w.functions));
    if (chance(w, 0.3)) change(w, dst_reg);
    line(w, 'callx', { dst_reg });
  }
}
