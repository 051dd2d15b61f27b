/** Which registers may be read from each insn on (kernel: compute_live_registers). Masks have bit n for rn. */
import type { Env } from './env.ts';
import { callArguments } from './helper-table.ts';
import {
  CLASS_ALU,
  CLASS_ALU64,
  CLASS_JMP,
  CLASS_JMP32,
  CLASS_LD,
  CLASS_LDX,
  CLASS_ST,
  CLASS_STX,
  LD_IMM64,
  OP_CALL,
  OP_EXIT,
  OP_JA,
  OP_JCOND,
  successors,
} from './successors.ts';

const CALLER_SAVED = 0x3f;
const ALL = 0xffff;
const ATOMIC_FETCH = 1;
const CMPXCHG = 0xf1;
const LOAD_ACQ = 0x100;
const STORE_REL = 0x110;

/** Registers read in the low half, registers written in the high half. */
function useAndDef(env: Env, insn: number): number {
  const opcode = env.opcode[insn]!;
  const dst = 1 << env.dst[insn]!;
  const src = 1 << env.src[insn]!;
  const pack = (use: number, def: number): number => use | (def << 16);
  switch (opcode & 7) {
    case CLASS_LD:
      return opcode === LD_IMM64 ? pack(0, dst) : pack(ALL, 0);
    case CLASS_LDX:
      return pack(src, dst);
    case CLASS_ST:
      return pack(dst, 0);
    case CLASS_STX: {
      if ((opcode & 0xe0) !== 0xc0) return pack(dst | src, 0);
      const imm = env.imm[insn]!;
      if (imm === CMPXCHG) return pack(1 | dst | src, 1);
      if (imm === LOAD_ACQ) return pack(src, dst);
      if (imm === STORE_REL) return pack(dst | src, 0);
      return pack(dst | src, (imm & ATOMIC_FETCH) !== 0 ? src : 0);
    }
    case CLASS_ALU:
    case CLASS_ALU64: {
      const register = (opcode & 8) !== 0;
      switch (opcode & 0xf0) {
        case 0xd0:
          return pack(dst, dst);
        case 0xb0:
          return pack(register ? src : 0, dst);
        default:
          return pack(register ? dst | src : dst, dst);
      }
    }
    case CLASS_JMP:
    case CLASS_JMP32:
      switch (opcode & 0xf0) {
        case OP_JA:
        case OP_JCOND:
          return 0;
        case OP_EXIT:
          return pack(1, 0);
        case OP_CALL: {
          const args = callArguments(env, insn);
          return pack(args === undefined ? CALLER_SAVED & ~1 : ((1 << (args + 1)) - 1) & ~1, CALLER_SAVED);
        }
        default:
          return pack((opcode & 8) !== 0 ? dst | src : dst, 0);
      }
    default:
      return pack(ALL, 0);
  }
}

/** Fills {@link Env.liveRegs}. */
export function computeLiveRegisters(env: Env): void {
  const { count, liveRegs, postorder } = env;
  const use = new Uint16Array(count);
  const keep = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const both = useAndDef(env, i);
    use[i] = both & 0xffff;
    keep[i] = ~(both >>> 16) & 0xffff;
  }
  const succ = new Int32Array(2);
  let changed = true;
  while (changed) {
    changed = false;
    for (const insn of postorder) {
      const n = successors(env, insn, succ);
      let out = 0;
      for (let s = 0; s < n; s++) out |= liveRegs[succ[s]!]!;
      const live = (out & keep[insn]!) | use[insn]!;
      if (live !== liveRegs[insn]) {
        liveRegs[insn] = live;
        changed = true;
      }
    }
  }
}
