/** Instructions as the kernel's logs write them: `(07) r1 += -8` (kernel: print_bpf_insn). */
import { CLASS_ALU, CLASS_ALU64, CLASS_JMP, CLASS_JMP32, CLASS_LD, CLASS_LDX, CLASS_ST, CLASS_STX, LD_IMM64 } from './successors.ts'; // prettier-ignore
import type { Columns } from './successors.ts';

const ALU = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>=', 'endian', '', ''];
const JUMP = ['jmp', '==', '>', '>=', '&', '!=', 's>', 's>=', 'call', 'exit', '<', '<=', 's<', 's<=', '', ''];
const ATOMIC = ['add', '', '', '', 'or', 'and', '', '', '', '', 'xor', '', '', '', '', ''];
const SIZE = ['u32', 'u16', 'u8', 'u64'];
const SIGNED_SIZE = ['s32', 's16', 's8', 's64'];
const MOVSX: Readonly<Record<number, string>> = { 8: '(s8)', 16: '(s16)', 32: '(s32)' };

/** What the columns do not tell. */
export interface InsnNames {
  helper(id: number): string | undefined;
  kfunc(insn: number): string | undefined;
  /** Address of the value of an arena that a ld_imm64 loads, which the map says. */
  arenaAddress?(insn: number): bigint | undefined;
}

function plus(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

/** The instruction without the number before it. */
export function insnText(insns: Columns, i: number, names: InsnNames): string {
  const opcode = insns.opcode[i]!;
  const text = body(insns, i, opcode, names);
  return text.startsWith('BUG_') ? text : `(${opcode.toString(16).padStart(2, '0')}) ${text}`;
}

function body(insns: Columns, i: number, opcode: number, names: InsnNames): string {
  const dst = insns.dst[i]!;
  const src = insns.src[i]!;
  const off = insns.off[i]!;
  const imm = insns.imm[i]!;
  const at = (reg: number): string => `r${reg} ${plus(off)}`;
  const size = SIZE[(opcode >> 3) & 3]!;
  switch (opcode & 7) {
    case CLASS_ALU:
    case CLASS_ALU64:
      return alu(opcode, dst, src, off, imm);
    case CLASS_STX:
      if ((opcode & 0xe0) === 0x60) return `*(${size} *)(${at(dst)}) = r${src}`;
      return (opcode & 0xe0) === 0xc0
        ? (atomic(size, dst, src, off, imm) ?? `BUG_${opcode.toString(16)}`)
        : `BUG_${opcode.toString(16)}`;
    case CLASS_ST:
      if ((opcode & 0xe0) === 0x60) return `*(${size} *)(${at(dst)}) = ${imm}`;
      return (opcode & 0xe0) === 0xc0 ? 'nospec' : `BUG_st_${opcode.toString(16)}`;
    case CLASS_LDX: {
      const mode = opcode & 0xe0;
      if (mode !== 0x60 && mode !== 0x80) return `BUG_ldx_${opcode.toString(16)}`;
      return `r${dst} = *(${mode === 0x60 ? size : SIGNED_SIZE[(opcode >> 3) & 3]!} *)(${at(src)})`;
    }
    case CLASS_LD:
      if ((opcode & 0xe0) === 0x20) return `r0 = *(${size} *)skb[${imm}]`;
      if ((opcode & 0xe0) === 0x40) return `r0 = *(${size} *)skb[r${src} + ${imm}]`;
      if (opcode !== LD_IMM64) return `BUG_ld_${opcode.toString(16)}`;
      return `r${dst} = 0x${names.arenaAddress?.(i)?.toString(16) ?? constant(src, imm, insns.imm[i + 1] ?? 0)}`;
    default:
      return jump(opcode, dst, src, off, imm, i, names);
  }
}

/** The address of a map or a symbol is the host's own; loaders without CAP_PERFMON are shown 0 for it, and so is the reader. */
function constant(src: number, low: number, high: number): string {
  if (src !== 0 && src !== 4) return '0';
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16);
}

function alu(opcode: number, dst: number, src: number, off: number, imm: number): string {
  const op = opcode & 0xf0;
  const wide = (opcode & 7) === CLASS_ALU64;
  const letter = wide ? 'r' : 'w';
  if (op === 0xd0) {
    return wide ? `r${dst} = bswap${imm} r${dst}` : `r${dst} = ${(opcode & 8) !== 0 ? 'be' : 'le'}${imm} r${dst}`;
  }
  if (op === 0x80) return `${letter}${dst} = -${letter}${dst}`;
  if (op === 0xb0 && wide && (opcode & 8) !== 0 && off === 1) {
    return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
  }
  if (op === 0xb0 && wide && (opcode & 8) !== 0 && off === -1) return `r${dst} = &(void __percpu *)(r${src})`;
  const sign = (op === 0x30 || op === 0x90) && off === 1 ? 's' : '';
  const name = sign + ALU[op >> 4]!;
  if ((opcode & 8) === 0) return `${letter}${dst} ${name} ${imm}`;
  return `${letter}${dst} ${name} ${op === 0xb0 ? (MOVSX[off] ?? '') : ''}${letter}${src}`;
}

function atomic(size: string, dst: number, src: number, off: number, imm: number): string | undefined {
  const place = `(${size} *)(r${dst} ${plus(off)})`;
  const wide = size === 'u64' ? '64' : '';
  if (imm === 0x100) return `r${dst} = load_acquire((${size} *)(r${src} ${plus(off)}))`;
  if (imm === 0x110) return `store_release(${place}, r${src})`;
  if (imm === 0xf1) return `r0 = atomic${wide}_cmpxchg(${place}, r0, r${src})`;
  if (imm === 0xe1) return `r${src} = atomic${wide}_xchg(${place}, r${src})`;
  const name = ATOMIC[(imm >> 4) & 15]!;
  if ((imm & ~0xf1) !== 0 || name === '') return undefined;
  return (imm & 1) === 0
    ? `lock *${place} ${ALU[(imm >> 4) & 15]!} r${src}`
    : `r${src} = atomic${wide}_fetch_${name}(${place}, r${src})`;
}

function jump(opcode: number, dst: number, src: number, off: number, imm: number, i: number, names: InsnNames): string {
  const op = opcode & 0xf0;
  const short = (opcode & 7) === CLASS_JMP32;
  if (op === 0x80) {
    if (src === 1) return `call pc${plus(imm)}`;
    const name = src === 2 ? names.kfunc(i) : names.helper(imm);
    return `call ${name ?? 'unknown'}#${imm}`;
  }
  if (opcode === 0x05) return `goto pc${plus(off)}`;
  if (opcode === 0x06) return `gotol pc${plus(imm)}`;
  if (opcode === 0xe5) return `may_goto pc${plus(off)}`;
  if (opcode === 0x95) return 'exit';
  const letter = short ? 'w' : 'r';
  const right = (opcode & 8) !== 0 ? `${letter}${src}` : `0x${(imm >>> 0).toString(16)}`;
  const jumps = (opcode & 7) === CLASS_JMP || short;
  return jumps ? `if ${letter}${dst} ${JUMP[op >> 4]!} ${right} goto pc${plus(off)}` : `BUG_${opcode.toString(16)}`;
}
