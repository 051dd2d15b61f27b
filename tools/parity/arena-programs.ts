/** Programs with arenas: allocation, casts between address spaces, accesses, atomics, arithmetic, arguments. */
import { encodeBtf, type BtfType } from '../../packages/btf/src/index.ts';
import { call, callLocal, EXIT, insn, jump, loadMap, loadValue, move, mutate, type Piece, pick, type RunOptions, set, stackAt, type Trial } from './kernel-calls.ts'; // prettier-ignore
import type { Random } from './random-programs.ts';

const list: BtfType[] = [];
const add = (type: Record<string, unknown>): number =>
  list.push({ id: list.length + 1, ...type } as unknown as BtfType);
const int = add({ kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 });
const pointer = add({ kind: 'PTR', name: '', type: int, attribute: false });
const noArguments = add({ kind: 'FUNC_PROTO', name: '', returnType: int, params: [] });
const oneArgument = add({ kind: 'FUNC_PROTO', name: '', returnType: int, params: [{ name: 'p', type: pointer }] });
const main = add({ kind: 'FUNC', name: 'main', type: noArguments, linkage: 1 });
const sub = add({ kind: 'FUNC', name: 'sub', type: oneArgument, linkage: 0 });
const takes = add({ kind: 'FUNC', name: 'takes', type: oneArgument, linkage: 1 });
add({ kind: 'DECL_TAG', name: 'arg:arena', type: takes, componentIndex: 0, attribute: false });
const btf = encodeBtf({ endian: 'little', types: [{ kind: 'VOID', id: 0, name: '' } as unknown as BtfType, ...list] });

const ARENA = { type: 33, keySize: 0, valueSize: 0, maxEntries: 2, flags: 0x400, mapExtra: 1n << 44n };
const MAPS = [
  ARENA, // 0
  { ...ARENA, mapExtra: (1n << 44n) + (1n << 32n) }, // 1
  { ...ARENA, mapExtra: 0n }, // 2: no address yet
  { type: 2, keySize: 4, valueSize: 16, maxEntries: 1 }, // 3
  { ...ARENA, flags: 0x400 | 0x40000 }, // 4: BPF_F_NO_USER_CONV
];

const PAGES = ['bpf_arena_alloc_pages', 'bpf_arena_free_pages', 'bpf_arena_reserve_pages'];
const SIZES = [0x00, 0x08, 0x10, 0x18];
const ATOMICS = [0x00, 0x01, 0x50, 0x51, 0x40, 0x41, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110, 0x02];
const REGS = [6, 7, 8];
const cast = (to: number, from: number, imm: number): Piece => insn(0xbf, to, from, 1, imm);

function map(r: Random, to: number): Piece[] {
  return loadMap(to, r() < 0.94 ? 0 : pick(r, [1, 2, 3, 4]));
}

function alloc(r: Random): Piece[] {
  const first = r() < 0.95 ? map(r, 1) : [pick(r, [set(1, 0), move(1, 10), move(1, 6), move(1, 9)])];
  const which = pick(r, PAGES);
  const arguments_ = [set(2, 0), set(3, pick(r, [1, 2])), ...(r() < 0.97 ? [set(4, 0), set(5, 0)] : [set(4, 0)])];
  return [...first, ...arguments_, call(r() < 0.7 ? PAGES[0]! : which), move(pick(r, REGS), 0)];
}

function step(r: Random): Piece[] {
  const a = pick(r, REGS);
  const b = pick(r, REGS);
  const off = pick(r, [0, 8, 4, -8, 4096, 3, 32000]);
  switch (Math.floor(r() * 16)) {
    case 0: return alloc(r);
    case 1: return [cast(a, b, 1)];
    case 2: return [cast(a, b, 1)];
    case 3: return [cast(a, b, r() < 0.85 ? 0x10000 : pick(r, [0, 2, 0x10001]))];
    case 4: return [insn(0x61 | pick(r, SIZES), b, a, off, 0)];
    case 5: return [insn(0x63 | pick(r, SIZES), a, b, off, 0)];
    case 6: return [insn(0x62 | pick(r, SIZES), a, 0, off, 7)];
    case 7: return [insn(0x81 | pick(r, [0, 8, 0x10]), b, a, off, 0)];
    case 8: case 9: return [set(0, 1), insn(0xc3 | (r() < 0.8 ? pick(r, [0, 0x18]) : pick(r, SIZES)), a, b, pick(r, [0, 8, 4]), pick(r, ATOMICS))];
    case 10: return [insn(pick(r, [0x07, 0x17, 0x57, 0x0f, 0x1f, 0x04, 0x14, 0x67, 0x87, 0xbc, 0x2f, 0xd7]), a, 0, 0, 8)].map((p) => (p.opcode & 8) !== 0 && (p.opcode & 0xf0) !== 0x80 ? insn(p.opcode, a, b, 0, 0) : p.opcode === 0x87 ? insn(0x87, a, 0, 0, 0) : p.opcode === 0xd7 ? insn(0xd7, a, 0, 0, 32) : p);
    case 11: return [jump(pick(r, [0x15, 0x55, 0x25, 0xa5, 0x1d]), a, 0, 'out')].map((p) => typeof p !== 'string' && 'insn' in p && p.insn.opcode === 0x1d ? { insn: insn(0x1d, a, b, 0, 0), to: p.to } : p);
    case 12: return [move(1, a), callLocal(pick(r, ['sub', 'takes']))];
    case 13: return [insn(0x7b, 10, a, -8, 0), insn(0x79, b, 10, -8, 0)];
    case 14: return r() < 0.5 ? [move(1, a), ...stackAt(2, -8), insn(0x85, 0, 0, 0, pick(r, [1, 2, 3]))] : [...stackAt(1, -16), set(2, 8), move(3, a), insn(0x85, 0, 0, 0, 113)];
    default: return r() < 0.7 ? loadValue(a, pick(r, [0, 0, 0, 1, 3]), pick(r, [0, 8, 4096, 8192, 8193])) : [move(a, b)];
  } // prettier-ignore
}

function subBody(r: Random): Piece[] {
  const body: Piece[] = [];
  if (r() < 0.5) body.push(cast(1, 1, 1));
  if (r() < 0.5) body.push(insn(0x61, 0, 1, 0, 0));
  return [...body, set(0, 0), insn(0x95, 0, 0, 0, 0)];
}

const PLACES = [
  { type: 'syscall', flags: 16 },
  { type: 'syscall', flags: 16 },
  { type: 'sched_cls', flags: 0 },
  { type: 'socket_filter', flags: 0 },
  { type: 'kprobe', flags: 16 },
] as const;

/** One program. */
export function arenaProgram(r: Random): Trial {
  const groups: Piece[][] = [[move(9, 1)]];
  for (const reg of REGS) groups.push([set(reg, 0)]);
  if (r() < 0.9) groups.push(alloc(r));
  else if (r() < 0.7) groups.push(map(r, 7));
  if (r() < 0.6) groups.push([cast(pick(r, REGS), pick(r, REGS), 1)]);
  for (let n = 1 + Math.floor(r() * 7); n > 0; n--) groups.push(step(r));
  groups.push(['out'], [...EXIT]);
  const body = mutate(r, groups, 0.1);
  const used = (label: string): boolean => body.some((p) => typeof p !== 'string' && 'insn' in p && p.to === label);
  const pieces: Piece[] = ['main', ...body];
  const functions: [string, number][] = [['main', main]];
  for (const [label, id] of [['sub', sub], ['takes', takes]] as const) {
    if (!used(label)) continue;
    pieces.push(label, ...subBody(r));
    functions.push([label, id]);
  } // prettier-ignore
  return { ...(r() < 0.85 ? PLACES[0] : pick(r, PLACES)), pieces, functions };
}

/** What all of them share. */
export const ARENAS: RunOptions = { title: 'arenas', maps: MAPS, btf };
