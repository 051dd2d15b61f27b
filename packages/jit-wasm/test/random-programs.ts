/**
 * Random programs that live long and end in every way: pointers into memory, stack and packet that are bent and
 * forged, loops, calls, callbacks, atomics, unreachable and misplaced code.
 */
import { type Insn, INSN_TABLE, makeInsn, rowByName } from '@polybpf/isa';

/** xorshift32: the same programs in every run. */
export function random(seed: number): () => number {
  let x = Math.imul(seed, 0x9e3779b1) | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const LOADS = ['ldxb', 'ldxh', 'ldxw', 'ldxdw', 'ldxsb', 'ldxsh', 'ldxsw'];
const STORES = ['stxb', 'stxh', 'stxw', 'stxdw'];

function opcode(name: string): number {
  const row = rowByName(name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row.opcode;
}

/** Program number `seed`. */
export function randomProgram(seed: number): Insn[] {
  const next = random(seed);
  const pick = <T>(list: readonly T[]): T => list[next() % list.length]!;
  const insns: Insn[] = [];
  const put = (op: number, dst = 0, src = 0, offset = 0, imm = 0): void => void insns.push(makeInsn(op, dst, src, offset, imm)); // prettier-ignore
  const length = 6 + (next() % 50);
  const functions = next() % 3 === 0 ? 1 + (next() % 3) : 0;
  // r6 = mem, r7 = frame, r8 = scalar
  put(0xbf, 6, 1);
  put(0xbf, 9, 2);
  if (next() % 2) {
    put(0xbf, 7, 10);
    put(0x07, 7, 0, 0, -8 * (1 + (next() % 8)));
  } else put(0xbf, 7, 1);
  put(0xb7, 8, 0, 0, next() % 24);
  const register = (): number => next() % 10;
  const base = (): number => pick([6, 6, 6, 7, 7, 10, 10, 10, next() % 11]);
  const place = (b: number): number =>
    next() % 12 === 0 ? (next() % 700) - 350 : b === 10 ? -(1 + (next() % 8)) * 8 + (next() % 6 ? 0 : next() % 8) : next() % 40; // prettier-ignore
  while (insns.length < length) {
    switch (next() % 18) {
      case 0:
      case 1:
      case 2: {
        const b = base();
        put(opcode(pick(LOADS)), pick([register(), 8, 3, 4]), b, place(b));
        break;
      }
      case 3:
      case 4: {
        const b = base();
        put(opcode(pick(STORES)), b, next() % 11, place(b));
        break;
      }
      case 5: {
        const b = base();
        put(pick([0x62, 0x6a, 0x72, 0x7a]), b, 0, place(b), next() | 0);
        break;
      }
      case 6: {
        const b = base();
        const at = place(b) & ~(next() % 8 ? 7 : 0);
        put(next() % 2 ? 0xdb : 0xc3, b, next() % 10, at, pick([0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1]));
        break;
      }
      case 7:
        // Pointers move by constants and by scalars.
        if (next() % 2) put(0x07, pick([6, 7]), 0, 0, (next() % 33) - 16);
        else put(next() % 4 ? 0x0f : 0x1f, pick([6, 7]), pick([8, 8, 3, 9]));
        break;
      case 8:
        put(0x57, 8, 0, 0, pick([7, 15, 31, 0x7fffffff]));
        break;
      case 9: {
        // A jump: forward mostly, back sometimes, elsewhere now and then.
        const jump = pick(INSN_TABLE.filter(({ kind }) => kind === 'jmp'));
        const by = next() % 7 === 0 ? -(next() % 12) : next() % 30 === 0 ? (next() % 200) - 100 : next() % 6;
        put(jump.opcode, register(), jump.source === 'reg' ? next() % 11 : 0, by, jump.source === 'imm' ? (next() % 9) - 2 : 0); // prettier-ignore
        break;
      }
      case 10:
        put(0x85, 0, 0, 0, pick([1, 1, 2, 3, 4, 5, 12, 77]));
        break;
      case 11:
        if (functions > 0) put(0x85, 0, 1, 0, 0x7f000000 + (next() % functions));
        else put(0x05, 0, 0, next() % 4);
        break;
      case 12:
        if (next() % 3 === 0) {
          // A forged pointer, or the address of code.
          const forged = next() % 3;
          put(0x18, pick([6, 7, 1, 3]), forged === 0 ? 4 : 0, 0, forged === 0 ? (next() % 12) - 6 : next() % 520);
          put(0, 0, 0, 0, forged === 0 ? 0 : pick([0, 1, 2, 3, 4, 5, 1000, 1 << 20]));
        } else put(0xbf, pick([6, 7, 3, 1]), pick([6, 7, 10, 1, 8]));
        break;
      case 13: {
        if (next() % 20 === 0) put(0xff);
        const row = pick(INSN_TABLE.filter(({ kind }) => kind === 'load_packet' || kind === 'load_acquire' || kind === 'store_release' || kind === 'may_goto' || kind === 'addr_space_cast')); // prettier-ignore
        const b = base();
        const storing = row.kind === 'store_release';
        put(
          row.opcode,
          row.fixed.dst_reg ?? (row.dst === 'none' ? 0 : storing ? b : register()),
          row.fixed.src_reg ?? (row.src === 'none' ? 0 : storing ? register() : b),
          row.fixed.offset ??
            (row.offsetUse === 'offset' ? place(b) & ~7 : row.offsetUse === 'jump' ? (next() % 9) - 3 : 0),
          row.fixed.imm ?? (row.immUse === 'imm' ? next() % 30 : 0),
        );
        break;
      }
      default: {
        const row = pick(INSN_TABLE.filter(({ kind }) => kind === 'alu' || kind === 'end'));
        put(
          row.opcode,
          pick([0, 1, 2, 3, 4, 5, 8, 8, 9, register()]),
          row.fixed.src_reg ?? (row.source === 'reg' ? next() % 11 : 0),
          row.fixed.offset ?? 0,
          row.fixed.imm ?? (row.immUse === 'imm' ? pick([0, 1, -1, 7, 63, 0x7fffffff, -0x80000000, next() | 0]) : 0),
        );
      }
    }
  }
  put(0x95);
  const starts: number[] = [];
  for (let f = 0; f < functions; f++) {
    starts.push(insns.length);
    put(0xbf, 0, pick([1, 2, 6, 10]));
    if (next() % 2) put(0x7b, 10, pick([1, 2, 6, 0]), -8);
    if (next() % 2) put(0x79, pick([3, 4, 0]), 10, -8 * (1 + (next() % 2)));
    if (next() % 3 === 0) put(0x79, pick([3, 0]), pick([1, 6]), next() % 24);
    if (next() % 3 === 0) put(0x15, 8, 0, next() % 2, 3);
    if (next() % 3 === 0) put(0x85, 0, 1, 0, 0x7f000000 + (next() % functions));
    if (next() % 4 === 0) put(0xe5, 0, 0, -2);
    put(0x0f, 0, pick([2, 3, 4]));
    put(0x95);
  }
  return insns.map((insn, i) => (insn.opcode === 0x85 && insn.src_reg === 1 ? { ...insn, imm: starts[insn.imm - 0x7f000000]! - i - 1 } : insn)); // prettier-ignore
}
