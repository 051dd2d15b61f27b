/**
 * Numbers of the eBPF wire format, spelled as in RFC 9669 and `include/uapi/linux/bpf.h`.
 */

/** Instruction classes, the low three bits of the opcode (RFC 9669 sec. 3.3). */
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

/** Source of the second operand (RFC 9669 sec. 4). */
export const BPF_K = 0x00;
export const BPF_X = 0x08;

/** Arithmetic operations, the high four bits (RFC 9669 sec. 4.1). */
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

/** Jump operations, the high four bits (RFC 9669 sec. 4.3; may_goto: `BPF_JCOND` of the kernel). */
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
export const BPF_JCOND = 0xe0;

/** Access sizes (RFC 9669 sec. 5). */
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

/** Access modes, the high three bits (RFC 9669 sec. 5). */
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;

/** Atomic operations in `imm` (RFC 9669 sec. 5.3; the last two: Linux 6.15). */
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe1;
export const BPF_CMPXCHG = 0xf1;
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

/** `src_reg` of ld_imm64 (RFC 9669 sec. 5.4). */
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

/** `src_reg` of call (RFC 9669 sec. 4.3.1, 4.3.2). */
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;

/** `offset` of a mov that casts between address spaces (`BPF_ADDR_SPACE_CAST`, Linux 6.9). */
export const BPF_ADDR_SPACE_CAST = 1;

/** Registers: r0 result, r1-r5 arguments, r6-r9 preserved, r10 frame pointer (RFC 9669 sec. 2). */
export const BPF_REG_0 = 0;
export const BPF_REG_10 = 10;

/** Bytes of stack that one frame has (`MAX_BPF_STACK`). */
export const STACK_SIZE = 512;
/** Local calls nested at most this deep, the main program included (`MAX_CALL_FRAMES`). */
export const MAX_CALL_FRAMES = 8;
/** Tail calls in a row at most (`MAX_TAIL_CALL_CNT`). */
export const MAX_TAIL_CALL_CNT = 33;
/** Backward jumps that one may_goto allows at most (`BPF_MAX_LOOPS`). */
export const BPF_MAX_LOOPS = 8388608;
/** Bytes of one instruction slot. */
export const INSN_SIZE = 8;
/** Helper id of `bpf_tail_call`. */
export const BPF_FUNC_tail_call = 12;
