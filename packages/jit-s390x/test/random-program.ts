/** Random programs: arithmetic, memory, branches, counted loops, helper and local calls; they leave all they know in memory. */
import { type Insn, INSN_TABLE, makeInsn } from '@polybpf/isa';
import { MIX_HELPER } from './harness.ts';
import { makeRandom, type Random } from './random.ts';
import { insn, ofRow } from './trials.ts';

const ARITHMETIC = INSN_TABLE.filter(({ kind }) => kind === 'alu' || kind === 'end');
const JUMPS = INSN_TABLE.filter(({ kind }) => kind === 'jmp');
const ACCESSES = INSN_TABLE.filter(({ kind }) => ['load', 'store', 'store_imm', 'load_acquire', 'store_release', 'atomic'].includes(kind)); // prettier-ignore

interface Generator {
  readonly random: Random;
  readonly registers: readonly number[];
  /** Bytes of frame; the first 16 hold the memory pointer and a loop counter. */
  readonly frame: number;
  readonly calls: boolean;
  readonly out: Insn[];
  /** Where local calls stand in `out`. */
  readonly localCalls: number[];
}

/** The program of a seed, and the length of the memory it gets: input words first, then results. */
export function randomProgram(seed: number): { insns: Insn[]; memory: number } {
  const random = makeRandom(seed);
  const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const count = random.pick([2, 4, 6, 8, 10]);
  const registers = all.map((register) => ({ register, key: random.int(1000) })).sort((a, b) => a.key - b.key).slice(0, count).map(({ register }) => register); // prettier-ignore
  const g: Generator = { random, registers, frame: random.pick([64, 96, 144, 152, 256, 512]), calls: random.int(2) === 0, out: [], localCalls: [] }; // prettier-ignore
  g.out.push(insn('stxdw', 10, 1, -8));
  for (let slot = 24; slot <= g.frame; slot += 8) g.out.push(insn('stdw', 10, 0, -slot, random.imm()));
  for (const register of [...registers].sort((a, b) => (a === 1 ? 1 : b === 1 ? -1 : 0))) g.out.push(insn('ldxdw', register, 1, 8 * register)); // prettier-ignore
  appendBlock(g, 10 + random.int(60), 0);
  const memory = appendResults(g);
  g.localCalls.forEach((at, k) => {
    g.out[at] = { ...g.out[at]!, imm: g.out.length - at - 1 };
    appendFunction(g, k);
  });
  return { insns: g.out, memory };
}

/** Registers to the frame first, since there is none left for the pointer; then everything to memory. */
function appendResults(g: Generator): number {
  const { out, registers, frame, random } = g;
  const kept = registers.filter(() => random.int(3) > 0);
  kept.forEach((register, i) => {
    if (24 + 8 * i <= frame) out.push(insn(random.int(3) > 0 ? 'stxdw' : 'stxw', 10, register, -24 - 8 * i));
  });
  out.push(insn('ldxdw', 1, 10, -8));
  let at = 80;
  for (let slot = 24; slot <= frame; slot += 8) {
    out.push(insn('ldxdw', 2, 10, -slot), insn('stxdw', 1, 2, at));
    at += 8;
  }
  out.push(insn('mov64_reg', 0, 2), insn('exit'));
  return at;
}

function appendBlock(g: Generator, length: number, depth: number): void {
  const { random, out } = g;
  const any = (): number => random.pick(g.registers);
  for (let i = 0; i < length; i++) {
    const choice = random.int(20);
    if (choice < 9) appendArithmetic(g, any);
    else if (choice === 9) out.push(insn('ld_imm64', any(), 0, 0, random.imm()), makeInsn(0, 0, 0, 0, random.imm()));
    else if (choice < 14) appendAccess(g, any);
    else if (choice < 17 && depth < 3) appendBranch(g, any, depth);
    else if (choice === 17 && depth === 0) appendLoop(g, any);
    else if (choice > 17 && g.calls) appendCall(g);
  }
}

function appendArithmetic({ random, out }: Generator, any: () => number): void {
  const row = random.pick(ARITHMETIC);
  const dst = any();
  out.push(ofRow(row, dst, row.src === 'read' ? any() : 0, 0, row.immUse === 'imm' ? random.imm() : 0));
  if (random.int(6) > 0) return;
  // What compilers write for rotations, bit fields and tests of them.
  const count = 1 + random.int(31);
  const [other, suffix, width] = [any(), random.pick(['32', '64'] as const), 0];
  const bits = suffix === '32' ? 32 : 64;
  const shift = width + count + (suffix === '64' && random.int(2) === 0 ? 32 : 0);
  out.push(insn(`mov${suffix}_reg`, other, dst), insn(`rsh${suffix}_imm`, other, 0, 0, bits - shift));
  if (random.int(2) === 0) out.push(insn(`lsh${suffix}_imm`, dst, 0, 0, shift), insn(`or${suffix}_reg`, dst, other));
  else out.push(insn(`and${suffix}_imm`, other, 0, 0, random.pick([1, 0xff, 0xf0, 0xffff, 0x7f00])));
}

function appendAccess({ random, out, frame, registers }: Generator, any: () => number): void {
  // cmpxchg reads r0, which must have been given a value.
  const row = random.pick(registers.includes(0) ? ACCESSES : ACCESSES.filter(({ op }) => op !== 'cmpxchg'));
  const bytes = row.width / 8;
  const slots = Math.floor((frame - 16) / bytes);
  const at = -frame + bytes * random.int(slots);
  const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
  const [operand, pointer] = [any(), any()];
  const imm = row.immUse === 'imm' ? random.imm() : 0;
  const [dst, src] = isLoad ? [operand, 10] : [10, row.src === 'read' || row.src === 'readwrite' ? operand : 0];
  if (random.int(2) === 0 || pointer === operand || (row.op === 'cmpxchg' && pointer === 0)) {
    out.push(ofRow(row, dst, src, at, imm));
    return;
  }
  const split = random.int(200);
  out.push(insn('mov64_reg', pointer, 10));
  if (random.int(2) === 0) {
    out.push(insn('add64_imm', pointer, 0, 0, -split), ofRow(row, isLoad ? operand : pointer, isLoad ? pointer : src, at + split, imm)); // prettier-ignore
  } else {
    // An index in a register, as arrays have it.
    const index = any();
    if (index === pointer || (index === operand && !isLoad) || (row.op === 'cmpxchg' && index === 0)) {
      out.pop();
      return;
    }
    out.push(insn('mov64_imm', index, 0, 0, split), insn('add64_reg', pointer, index), ofRow(row, isLoad ? operand : pointer, isLoad ? pointer : src, at - split, imm)); // prettier-ignore
  }
  out.push(insn('mov64_imm', pointer, 0, 0, random.imm()));
}

function appendBranch(g: Generator, any: () => number, depth: number): void {
  const { random, out } = g;
  const row = random.pick(JUMPS);
  const at = out.length;
  out.push(insn('exit'));
  if (random.int(3) === 0) out.push(insn(random.pick(['mov64_reg', 'mov32_reg']), any(), any()));
  else appendBlock(g, 1 + random.int(6), depth + 1);
  const imm = random.int(2) === 0 ? 0 : random.imm();
  const [dst, src] = [any(), row.src === 'read' ? any() : 0];
  out[at] = ofRow(row, dst, src, out.length - at - 1, row.immUse === 'imm' ? imm : 0);
}

/** A counted loop whose counter is in the frame. */
function appendLoop(g: Generator, any: () => number): void {
  const { random, out } = g;
  out.push(insn('stdw', 10, 0, -16, 1 + random.int(5)));
  const start = out.length;
  appendBlock(g, 2 + random.int(8), 1);
  const counter = any();
  out.push(insn('ldxdw', counter, 10, -16), insn('add64_imm', counter, 0, 0, -1), insn('stxdw', 10, counter, -16));
  out.push(insn('jne64_imm', counter, 0, start - out.length - 1, 0));
}

/** A call; r1 to r5 are undefined after it, so those in use get new values. */
function appendCall({ random, out, registers, localCalls }: Generator): void {
  for (let argument = 1; argument <= 5; argument++) {
    if (!registers.includes(argument)) out.push(insn('mov64_imm', argument, 0, 0, random.imm()));
  }
  const kind = random.int(3);
  const callee = registers.find((register) => register > 5);
  if (kind === 0) {
    localCalls.push(out.length);
    out.push(insn('call_local'));
  } else if (kind === 1 && callee !== undefined) {
    out.push(insn('mov64_imm', callee, 0, 0, MIX_HELPER), insn('callx', callee));
  } else {
    out.push(insn('call_helper', 0, 0, 0, MIX_HELPER));
  }
  for (const register of registers) {
    if (register >= 1 && register <= 5) out.push(insn('mov64_imm', register, 0, 0, random.imm()));
  }
}

/** A function that has a frame of its own and mixes its arguments. */
function appendFunction({ random, out }: Generator, k: number): void {
  const kept = [6, 7, 8, 9].slice(0, random.int(5));
  kept.forEach((register, i) => out.push(insn('mov64_reg', register, 1 + i)));
  out.push(insn('mov64_reg', 0, 1), insn('stxdw', 10, 5, -8 * (1 + random.int(60))));
  if (random.int(2) === 0) out.push(insn('call_helper', 0, 0, 0, MIX_HELPER));
  else for (let argument = 2; argument <= 5; argument++) out.push(insn('mul64_imm', 0, 0, 0, 31 + k), insn('add64_reg', 0, argument)); // prettier-ignore
  if (random.int(2) === 0) out.push(insn('mov64_imm', 5, 0, 0, random.imm()), insn('add64_reg', 0, 5));
  for (const register of kept) out.push(insn('xor64_reg', 0, register));
  out.push(insn('exit'));
}
