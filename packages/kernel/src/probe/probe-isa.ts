/** Which instructions the kernel knows: named examples, and every opcode in many forms. */
import { constants as c, type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '../live-kernel.ts';
import type { LoadOptions } from '../load-program.ts';
import type { IsaProfile, OpcodeProfile } from './profile.ts';
import { ask, callLocal, exit, jumpImm, loadImm64, movImm, movReg, store } from './snippets.ts';

const FILTER: LoadOptions = { type: 'socket_filter' };
const ATOMIC64 = c.BPF_STX | c.BPF_ATOMIC | c.BPF_DW;
const ATOMIC32 = c.BPF_STX | c.BPF_ATOMIC | c.BPF_W;

/** Puts 8 initialised bytes on the stack, for what follows. */
const ON_STACK = [movImm(0, 0), movImm(1, 1), store(8, 10, -8, 0)];

function alu(opcode: number, dst: number, src: number, offset: number, imm: number): Insn {
  return makeInsn(opcode, dst, src, offset, imm);
}

/** Tries the examples; `log` of a refused one is the verifier's reason. */
export function probeIsa(kernel: LiveKernel): Record<string, IsaProfile> {
  using map = kernel.createMap({ type: 'array', keySize: 4, valueSize: 8, maxEntries: 1, name: 'probe' });
  const result: Record<string, IsaProfile> = {};
  for (const [name, insns] of Object.entries(examples(map.fd))) {
    const { accepted, errno, message } = ask(kernel, insns, FILTER, 4);
    result[name] = accepted ? { ok: true } : { ok: false, errno, log: message };
  }
  return result;
}

function examples(mapFd: number): Record<string, readonly Insn[]> {
  const end = [movImm(0, 0), exit()];
  const on = (insn: Insn): Insn[] => [movImm(0, 5), movImm(1, 3), insn, exit()];
  const jumps = [c.BPF_JLT, c.BPF_JLE, c.BPF_JSLT, c.BPF_JSLE].map((op) => jumpImm(op, 1, 1, 0));
  const keepContext = movReg(6, 1);
  return {
    'v2: jlt/jle/jslt/jsle': [movImm(1, 0), ...jumps, ...end],
    'v3: jmp32': [movImm(1, 0), makeInsn(c.BPF_JMP32 | c.BPF_JEQ | c.BPF_K, 1, 0, 0, 1), ...end],
    'v3: alu32': on(alu(c.BPF_ALU | c.BPF_ADD | c.BPF_X, 0, 1, 0, 0)),
    'v3: atomic fetch_add64': [...ON_STACK, makeInsn(ATOMIC64, 10, 1, -8, c.BPF_ADD | c.BPF_FETCH), ...end],
    'v3: atomic cmpxchg64': [...ON_STACK, makeInsn(ATOMIC64, 10, 1, -8, c.BPF_CMPXCHG), ...end],
    'v3: atomic xchg32': [...ON_STACK, makeInsn(ATOMIC32, 10, 1, -8, c.BPF_XCHG), ...end],
    'v4: movsx8': on(alu(c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, 0, 1, 8, 0)),
    'v4: ldsx32 (memsx)': [...ON_STACK, makeInsn(c.BPF_LDX | c.BPF_MEMSX | c.BPF_W, 0, 10, -8, 0), exit()],
    'v4: bswap64': on(alu(c.BPF_ALU64 | c.BPF_END, 0, 0, 0, 64)),
    'v4: sdiv64': on(alu(c.BPF_ALU64 | c.BPF_DIV | c.BPF_X, 0, 1, 1, 0)),
    'v4: smod32': on(alu(c.BPF_ALU | c.BPF_MOD | c.BPF_X, 0, 1, 1, 0)),
    'v4: gotol': [makeInsn(c.BPF_JMP32 | c.BPF_JA, 0, 0, 0, 0), ...end],
    'v4: st imm (BPF_ST)': [makeInsn(c.BPF_ST | c.BPF_MEM | c.BPF_DW, 10, 0, -8, 1), ...end],
    '6.14: load_acquire64 (0x100)': [...ON_STACK, makeInsn(ATOMIC64, 0, 10, -8, c.BPF_LOAD_ACQ), exit()],
    '6.14: store_release64 (0x110)': [...ON_STACK, makeInsn(ATOMIC64, 10, 1, -8, c.BPF_STORE_REL), exit()],
    'may_goto (jcond)': [makeInsn(c.BPF_JMP | c.BPF_JCOND, 0, 0, 0, 0), ...end],
    'call via reg callx (0x8d)': [movImm(1, 0), makeInsn(c.BPF_JMP | c.BPF_CALL | c.BPF_X, 1, 0, 0, 0), ...end],
    'indirect jump gotox (0x0d)': [movImm(1, 0), makeInsn(c.BPF_JMP | c.BPF_JA | c.BPF_X, 1, 0, 0, 0), ...end],
    'nospec-ish / ja32 to self': [makeInsn(c.BPF_JMP32 | c.BPF_JA, 0, 0, 0, -1), exit()],
    'legacy LD_ABS': [keepContext, makeInsn(c.BPF_LD | c.BPF_ABS | c.BPF_W, 0, 0, 0, 0), exit()],
    'legacy LD_IND': [keepContext, movImm(2, 0), makeInsn(c.BPF_LD | c.BPF_IND | c.BPF_W, 0, 2, 0, 0), exit()],
    'bounded loop': [movImm(0, 0), alu(c.BPF_ALU64 | c.BPF_ADD | c.BPF_K, 0, 0, 0, 1), jumpImm(c.BPF_JLT, 0, 10, -2), exit()], // prettier-ignore
    'bpf-to-bpf call (no BTF)': [callLocal(1), exit(), ...end],
    'arsh/neg/xor': [movImm(0, 5), alu(c.BPF_ALU64 | c.BPF_ARSH | c.BPF_K, 0, 0, 0, 1), alu(c.BPF_ALU64 | c.BPF_NEG, 0, 0, 0, 0), alu(c.BPF_ALU64 | c.BPF_XOR | c.BPF_X, 0, 0, 0, 0), exit()], // prettier-ignore
    be16: on(alu(c.BPF_ALU | c.BPF_END | c.BPF_X, 0, 0, 0, 16)),
    le64: on(alu(c.BPF_ALU | c.BPF_END | c.BPF_K, 0, 0, 0, 64)),
    'ld_imm64 map_by_fd': [...loadImm64(1, c.BPF_PSEUDO_MAP_FD, mapFd), ...end],
    'ld_imm64 map_value': [...loadImm64(1, c.BPF_PSEUDO_MAP_VALUE, mapFd), ...end],
    'frame pointer write': [movImm(10, 0), ...end],
    'div by imm 0': on(alu(c.BPF_ALU64 | c.BPF_DIV | c.BPF_K, 0, 0, 0, 0)),
    'uninit R0 exit': [exit()],
    'unreachable insn': [movImm(0, 0), exit(), exit()],
  };
}

/** How {@link probeOpcodes} goes about it. */
export const OPCODE_METHOD =
  'each opcode byte 0..255 tried with many dst/src/off/imm forms as a socket filter; accepted in at least one form';

/** Fields that some instruction wants; every opcode is tried with all combinations. */
const REGISTERS: readonly (readonly [dst: number, src: number])[] = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 2],
  [10, 0],
  [10, 1],
  [0, 10],
];
const OFFSETS = [0, 1, 8, -8];
const IMMEDIATES = [0, 1, 7, 16, 64, c.BPF_LOAD_ACQ];

/** Opcodes that are accepted in some form, and the `imm` values that atomic instructions of 64 bits may have. */
export function probeOpcodes(kernel: LiveKernel): OpcodeProfile {
  const accepted = (insn: Insn): boolean => {
    const body = insn.opcode === (c.BPF_LD | c.BPF_IMM | c.BPF_DW) ? [insn, makeInsn(0, 0, 0, 0, 0)] : [insn];
    return ask(kernel, [movReg(6, 1), ...ON_STACK, movImm(2, 1), ...body, movImm(0, 0), exit()], FILTER, 0).accepted;
  };
  const bytes: string[] = [];
  for (let opcode = 0; opcode < 256; opcode++) {
    if (formsOf(opcode).some(accepted)) bytes.push(`0x${opcode.toString(16)}`);
  }
  const atomicImm: number[] = [];
  for (let imm = 0; imm < 0x200; imm++) {
    if (accepted(makeInsn(ATOMIC64, 10, 1, -8, imm)) || accepted(makeInsn(ATOMIC64, 0, 10, -8, imm)))
      atomicImm.push(imm);
  }
  return { count: bytes.length, method: OPCODE_METHOD, bytes, atomicImm };
}

function formsOf(opcode: number): Insn[] {
  return REGISTERS.flatMap(([dst, src]) =>
    OFFSETS.flatMap((offset) => IMMEDIATES.map((imm) => makeInsn(opcode, dst, src, offset, imm))),
  );
}
