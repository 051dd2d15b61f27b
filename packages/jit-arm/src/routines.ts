/**
 * Division of 32 and 64 bits where there are no instructions for it: shift and subtract, from the highest bit of the dividend
 * that the divisor reaches.
 *
 * A routine finds the dividend at sp and the divisor above it, in the byte order of data, and puts the quotient and the
 * remainder in their places. It keeps all registers but ip, lr and the flags. x / 0 is 0 and x % 0 is x (RFC 9669 sec. 4.1);
 * the signed ones divide magnitudes, so that INT_MIN / -1 wraps.
 */
import { LABEL, makeNode, type MachineForm, type MachineNode } from '@polybpf/jit';
import { CC } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { AL, IP, LR, PC, SP } from './registers.ts';

const {
  adc_reg, adcs_reg, add_imm, b, clz, cmp_imm, eor_reg, ldr, mov_imm, mov_lslr, mov_lsr, mov_reg, mov_rrx, movs_lsr,
  orr_lslr, orr_lsrr, orrs_reg, pop, push, rsb_imm, rsbs_imm, rsc_imm, sbcs_reg, str, sub_imm, subs_imm, subs_reg,
} = INSTRUCTIONS; // prettier-ignore

/** Name of the routine for a width and sign. */
export function routineName(width: 32 | 64, isSigned: boolean): string {
  return `${isSigned ? 's' : 'u'}div${width}`;
}

/** Appends instructions. */
class Writer {
  readonly nodes: MachineNode[] = [];
  ins(form: MachineForm, ...operands: readonly number[]): void {
    this.nodes.push(makeNode(form, [AL, ...operands]));
  }
  insIf(condition: number, form: MachineForm, ...operands: readonly number[]): void {
    this.nodes.push(makeNode(form, [condition, ...operands]));
  }
  branch(condition: number, label: number): void {
    this.nodes.push(makeNode(b, [condition], label));
  }
  bind(label: number, isLoop = false): void {
    this.nodes.push(makeNode(LABEL, isLoop ? [1] : [], label));
  }
}

/** Makes `Target.routine`. */
export function makeRoutine(isBig: boolean): (name: string, newLabel: () => number) => MachineNode[] {
  return (name, newLabel) => {
    const isSigned = name.startsWith('s');
    return name.endsWith('32') ? divide32(isSigned, newLabel) : divide64(isSigned, isBig, newLabel);
  };
}

const list = (...registers: readonly number[]): number => registers.reduce((set, register) => set | (1 << register), 0);

function divide32(isSigned: boolean, newLabel: () => number): MachineNode[] {
  const w = new Writer();
  // n: dividend, then remainder; d: divisor; q: quotient; t: trial; s: signs
  const [n, d, q, t, s] = [0, 1, 2, 3, 4];
  const saved = [n, d, q, t, s];
  const at = 4 * (saved.length + 1);
  const [loop, done] = [newLabel(), newLabel()];
  w.ins(push, list(...saved, LR));
  w.ins(ldr, n, SP, at);
  w.ins(ldr, d, SP, at + 4);
  if (isSigned) {
    w.ins(eor_reg, s, n, d);
    w.ins(mov_reg, LR, n);
    magnitude32(w, n);
    magnitude32(w, d);
  }
  w.ins(mov_imm, q, 0);
  w.ins(cmp_imm, d, 0);
  w.branch(CC.eq, done);
  w.ins(clz, t, n);
  w.ins(clz, IP, d);
  w.ins(subs_reg, IP, IP, t);
  w.branch(CC.mi, done);
  w.ins(mov_lslr, d, d, IP);
  w.bind(loop, true);
  w.ins(subs_reg, t, n, d);
  w.insIf(CC.cs, mov_reg, n, t);
  w.ins(adc_reg, q, q, q);
  w.ins(mov_lsr, d, d, 1);
  w.ins(subs_imm, IP, IP, 1);
  w.branch(CC.pl, loop);
  w.bind(done);
  if (isSigned) {
    w.ins(cmp_imm, s, 0);
    w.insIf(CC.mi, rsb_imm, q, q, 0);
    w.ins(cmp_imm, LR, 0);
    w.insIf(CC.mi, rsb_imm, n, n, 0);
  }
  w.ins(str, q, SP, at);
  w.ins(str, n, SP, at + 4);
  w.ins(pop, list(...saved, PC));
  return w.nodes;
}

function magnitude32(w: Writer, register: number): void {
  w.ins(cmp_imm, register, 0);
  w.insIf(CC.mi, rsb_imm, register, register, 0);
}

function divide64(isSigned: boolean, isBig: boolean, newLabel: () => number): MachineNode[] {
  const w = new Writer();
  const [nl, nh, dl, dh, ql, qh, t] = [0, 1, 2, 3, 4, 5, 6];
  const [signs, sign] = [7, 8];
  const saved = isSigned ? [nl, nh, dl, dh, ql, qh, t, signs, sign] : [nl, nh, dl, dh, ql, qh, t];
  const at = 4 * (saved.length + 1);
  const [low, high] = isBig ? [4, 0] : [0, 4];
  const [loop, done] = [newLabel(), newLabel()];
  w.ins(push, list(...saved, LR));
  w.ins(ldr, nl, SP, at + low);
  w.ins(ldr, nh, SP, at + high);
  w.ins(ldr, dl, SP, at + 8 + low);
  w.ins(ldr, dh, SP, at + 8 + high);
  if (isSigned) {
    w.ins(eor_reg, signs, nh, dh);
    w.ins(mov_reg, sign, nh);
    negateIfNegative(w, nh, nl, nh, newLabel);
    negateIfNegative(w, dh, dl, dh, newLabel);
  }
  w.ins(mov_imm, ql, 0);
  w.ins(mov_imm, qh, 0);
  w.ins(orrs_reg, IP, dl, dh);
  w.branch(CC.eq, done);
  leadingZeros(w, t, nl, nh);
  leadingZeros(w, IP, dl, dh);
  w.ins(subs_reg, IP, IP, t);
  w.branch(CC.mi, done);
  // d <<= ip: see lower-shift.ts
  w.ins(sub_imm, LR, IP, 32);
  w.ins(mov_lslr, dh, dh, IP);
  w.ins(orr_lslr, dh, dh, dl, LR);
  w.ins(rsb_imm, LR, IP, 32);
  w.ins(orr_lsrr, dh, dh, dl, LR);
  w.ins(mov_lslr, dl, dl, IP);
  w.bind(loop, true);
  w.ins(subs_reg, LR, nl, dl);
  w.ins(sbcs_reg, t, nh, dh);
  w.insIf(CC.cs, mov_reg, nl, LR);
  w.insIf(CC.cs, mov_reg, nh, t);
  w.ins(adcs_reg, ql, ql, ql);
  w.ins(adc_reg, qh, qh, qh);
  w.ins(movs_lsr, dh, dh, 1);
  w.ins(mov_rrx, dl, dl);
  w.ins(subs_imm, IP, IP, 1);
  w.branch(CC.pl, loop);
  w.bind(done);
  if (isSigned) {
    negateIfNegative(w, signs, ql, qh, newLabel);
    negateIfNegative(w, sign, nl, nh, newLabel);
  }
  w.ins(str, ql, SP, at + low);
  w.ins(str, qh, SP, at + high);
  w.ins(str, nl, SP, at + 8 + low);
  w.ins(str, nh, SP, at + 8 + high);
  w.ins(pop, list(...saved, PC));
  return w.nodes;
}

/** d = leading zeros of 64 bits. */
function leadingZeros(w: Writer, d: number, low: number, high: number): void {
  w.ins(clz, d, high);
  w.ins(cmp_imm, d, 32);
  w.insIf(CC.eq, clz, d, low);
  w.insIf(CC.eq, add_imm, d, d, 32);
}

/** Negation changes the condition that it is executed under, so it is jumped over. */
function negateIfNegative(w: Writer, sign: number, low: number, high: number, newLabel: () => number): void {
  const keep = newLabel();
  w.ins(cmp_imm, sign, 0);
  w.branch(CC.pl, keep);
  w.ins(rsbs_imm, low, low, 0);
  w.ins(rsc_imm, high, high, 0);
  w.bind(keep);
}
