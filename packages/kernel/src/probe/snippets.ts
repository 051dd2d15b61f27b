/** Instructions that probes are made of, and the question they ask: is this program accepted, and what is said to it? */
import { constants as c, encodeProgram, type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '../live-kernel.ts';
import type { LoadOptions, LogLevel } from '../load-program.ts';

/** What the kernel said to a probe. */
export interface Answer {
  readonly accepted: boolean;
  /** '' when accepted. */
  readonly errno: string;
  readonly message: string;
  readonly log: string;
}

/** The program was refused before the verifier ran: nothing is in its log. */
export function isBeforeVerifier(answer: Answer): boolean {
  return !answer.accepted && answer.log === '';
}

/** Loads and closes again. */
export function ask(kernel: LiveKernel, insns: readonly Insn[], options: LoadOptions, logLevel: LogLevel): Answer {
  const outcome = kernel.load(encodeProgram(insns), { ...options, name: 'probe', logLevel });
  const { log, message } = outcome;
  if (!outcome.accepted) return { accepted: false, errno: outcome.errnoName, message, log };
  kernel.close(outcome.fd);
  return { accepted: true, errno: '', message: '', log };
}

/** `dst = imm` */
export function movImm(dst: number, imm: number): Insn {
  return makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_K, dst, 0, 0, imm);
}

/** `dst = src` */
export function movReg(dst: number, src: number): Insn {
  return makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, dst, src, 0, 0);
}

/** `w_dst = w_src`: of a pointer it makes a number that the verifier knows nothing of. */
export function movReg32(dst: number, src: number): Insn {
  return makeInsn(c.BPF_ALU | c.BPF_MOV | c.BPF_X, dst, src, 0, 0);
}

/** `exit` */
export function exit(): Insn {
  return makeInsn(c.BPF_JMP | c.BPF_EXIT, 0, 0, 0, 0);
}

const SIZE_CODES: Readonly<Record<number, number>> = { 1: c.BPF_B, 2: c.BPF_H, 4: c.BPF_W, 8: c.BPF_DW };

/** `dst = *(size *)(src + offset)` */
export function load(size: number, dst: number, src: number, offset: number): Insn {
  return makeInsn(c.BPF_LDX | c.BPF_MEM | SIZE_CODES[size]!, dst, src, offset, 0);
}

/** `*(size *)(dst + offset) = src` */
export function store(size: number, dst: number, offset: number, src: number): Insn {
  return makeInsn(c.BPF_STX | c.BPF_MEM | SIZE_CODES[size]!, dst, src, offset, 0);
}

/** `call helper` */
export function callHelper(id: number): Insn {
  return makeInsn(c.BPF_JMP | c.BPF_CALL, 0, 0, 0, id);
}

/** `call kernel function` */
export function callKfunc(id: number): Insn {
  return makeInsn(c.BPF_JMP | c.BPF_CALL, 0, c.BPF_PSEUDO_KFUNC_CALL, 0, id);
}

/** `call function`, counted from the next instruction */
export function callLocal(distance: number): Insn {
  return makeInsn(c.BPF_JMP | c.BPF_CALL, 0, c.BPF_PSEUDO_CALL, 0, distance);
}

/** `if dst OP imm goto +offset` */
export function jumpImm(op: number, dst: number, imm: number, offset: number): Insn {
  return makeInsn(c.BPF_JMP | op | c.BPF_K, dst, 0, offset, imm);
}

/** `dst = imm64`, with what `src` says it stands for */
export function loadImm64(dst: number, src: number, low: number, high = 0): Insn[] {
  return [makeInsn(c.BPF_LD | c.BPF_IMM | c.BPF_DW, dst, src, 0, low), makeInsn(0, 0, 0, 0, high)];
}
