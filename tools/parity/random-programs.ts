/** Random programs of scalars, branches, stack, loops and calls, made to be mostly accepted. */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';

export type Random = () => number;

/** Numbers in [0, 1) from a seed. */
export function rng(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const IMMS = [
  0, 1, -1, 2, 3, 5, 7, 8, 10, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 4095, 0xffff, 0x10000, 0x7fffffff,
  -0x80000000, -2, -8, -100, -0x7fffffff, 0x40000000, 0x55555555,
];
const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0, 0x80, 0xd0];
const JMP = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const SIZES = [
  [0x18, 8],
  [0x00, 4],
  [0x08, 2],
  [0x10, 1],
] as const;

/** One program; `maps[0]` is an array with values of 64 bytes. */
export function randomProgram(r: Random): Insn[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
  const below = (n: number): number => Math.floor(r() * n);
  const out: Insn[] = [];
  const add = (opcode: number, dst: number, src: number, off: number, imm: number): void =>
    void out.push(makeInsn(opcode, dst, src, off, imm));
  const body = (regs: readonly number[], steps: number, calls: boolean): void => {
    const fixups: { at: number; target: number }[] = [];
    const start = out.length;
    const counts: number[] = [];
    for (let k = 0; k < steps; k++) {
      counts.push(out.length);
      const d = pick(regs);
      const s = pick(regs);
      const kind = r();
      if (kind < 0.42) {
        const op = pick(ALU);
        const cls = r() < 0.55 ? 7 : 4;
        if (op === 0x80) add(op | cls, d, 0, 0, 0);
        else if (op === 0xd0) {
          const be = r() < 0.5 ? 8 : 0;
          add(op | (be ? 12 : cls), d, 0, 0, pick([16, 32, 64]));
        } else if (op === 0xb0 && r() < 0.3) add(op | cls | 8, d, s, pick(cls === 7 ? [8, 16, 32] : [8, 16]), 0);
        else if (r() < 0.5) add(op | cls | 8, d, s, (op === 0x30 || op === 0x90) && r() < 0.3 ? 1 : 0, 0);
        else {
          let imm = pick(IMMS);
          if ((op >= 0x60 && op <= 0x70) || op === 0xc0) imm = below(cls === 7 ? 64 : 32);
          if ((op === 0x30 || op === 0x90) && imm === 0) imm = 3;
          add(op | cls, d, 0, (op === 0x30 || op === 0x90) && r() < 0.3 ? 1 : 0, imm);
        }
      } else if (kind < 0.67) {
        const op = pick(JMP);
        const cls = r() < 0.6 ? 5 : 6;
        fixups.push({ at: out.length, target: k + 1 + below(6) });
        if (r() < 0.4) add(op | cls | 8, d, s, 0, 0);
        else add(op | cls, d, 0, 0, pick(IMMS));
      } else if (kind < 0.78) {
        const [size, bytes] = pick(SIZES);
        const off = -bytes * (1 + below(Math.min(8, 64 / bytes)));
        if (r() < 0.7) add(0x63 | size, 10, s, off, 0);
        else add(0x62 | size, 10, 0, off, pick(IMMS));
      } else if (kind < 0.9) {
        const [size, bytes] = pick(SIZES);
        const off = -bytes * (1 + below(Math.min(8, 64 / bytes)));
        add((r() < 0.2 && bytes < 8 ? 0x81 : 0x61) | size, d, 10, off, 0);
      } else if (kind < 0.94) {
        add(0xb7, d, 0, 0, pick(IMMS));
      } else if (kind < 0.97 && calls) {
        add(0xbf, 1, d, 0, 0);
        add(0xbf, 2, s, 0, 0);
        if (r() < 0.5) {
          add(0xbf, 3, 10, 0, 0);
          add(0x07, 3, 0, 0, -8 * (1 + below(6)));
        } else add(0xb7, 3, 0, 0, 7);
        add(0x85, 0, 1, 0, -1000);
        for (const reg of [1, 2, 3, 4, 5]) if (regs.includes(reg)) add(0xb7, reg, 0, 0, pick(IMMS));
        if (regs.includes(0) && r() < 0.8) add(0xbf, pick(regs), 0, 0, 0);
      } else if (kind < 0.985) {
        const loop = pick(regs);
        const limit = 1 + below(20);
        add(0xb7, loop, 0, 0, 0);
        add(0x07, loop, 0, 0, 1);
        if (r() < 0.6) add(0x0f, pick(regs.filter((x) => x !== loop)), pick(regs), 0, 0);
        else add(0x07, pick(regs.filter((x) => x !== loop)), 0, 0, 4);
        add(0xa5, loop, 0, -3, limit);
      } else {
        add(0x85, 0, 0, 0, 7);
        for (const reg of [1, 2, 3, 4, 5]) if (regs.includes(reg)) add(0xb7, reg, 0, 0, pick(IMMS));
      }
    }
    counts.push(out.length);
    for (const { at, target } of fixups) {
      const to = counts[Math.min(target, counts.length - 1)]!;
      out[at] = makeInsn(out[at]!.opcode, out[at]!.dst_reg, out[at]!.src_reg, to - at - 1, out[at]!.imm);
    }
    void start;
  };
  add(0xbf, 6, 1, 0, 0);
  const regs = r() < 0.5 ? [0, 1, 2, 7, 8, 9] : [0, 7, 8, 9];
  for (const reg of regs) {
    if (reg === 0) continue;
    if (reg >= 7 && r() < 0.7) {
      add(0x85, 0, 0, 0, r() < 0.2 ? 8 : 7);
      add(0xbf, reg, 0, 0, 0);
      if (r() < 0.4) add(0x57, reg, 0, 0, pick(IMMS));
      if (r() < 0.2) add(0x77, reg, 0, 0, below(64));
    }
  }
  add(0xb7, 0, 0, 0, 0);
  for (const reg of regs)
    if (reg !== 0 && (reg < 7 || !out.some((i) => i.opcode === 0xbf && i.dst_reg === reg)))
      add(0xb7, reg, 0, 0, pick(IMMS));
  const calls = r() < 0.5;
  body(regs, 5 + below(35), calls);
  // Use of a result: as an offset into a map value, as a size, as an index of the stack.
  const reg = pick(regs.filter((x) => x >= 7));
  const use = r();
  if (use < 0.5) {
    add(0x62, 10, 0, -4, pick([0, 1]));
    add(0xbf, 2, 10, 0, 0);
    add(0x07, 2, 0, 0, -4);
    add(0x18, 1, 5, 0, 0);
    out.push(makeInsn(0, 0, 0, 0, 0));
    add(0x85, 0, 0, 0, 1);
    add(0x15, 0, 0, 3, 0);
    if (r() < 0.3) add(0x57, reg, 0, 0, pick([7, 15, 31, 63]));
    else if (r() < 0.5) add(0x25, reg, 0, 2, pick([7, 31, 56, 63]));
    else add(0xb7, 1, 0, 0, 0);
    add(0x0f, 0, reg, 0, 0);
    add(pick([0x71, 0x69, 0x61, 0x79]), 0, 0, 0, 0);
  } else if (use < 0.6) {
    add(0x57, reg, 0, 0, pick([7, 8, 24, 56]));
    add(0xbf, 2, 10, 0, 0);
    add(0x07, 2, 0, 0, -64);
    add(0x0f, 2, reg, 0, 0);
    add(pick([0x71, 0x79, 0x73, 0x7b]), 2, r() < 0.5 ? 2 : 0, 0, 0);
  }
  add(0xb7, 0, 0, 0, 0);
  add(0x95, 0, 0, 0, 0);
  const sub = out.length;
  if (out.some((i) => i.opcode === 0x85 && i.src_reg === 1)) {
    add(0xb7, 0, 0, 0, 1);
    body([0, 1, 2, ...(r() < 0.5 ? [] : [1])], 3 + below(10), false);
    if (r() < 0.4) {
      add(0x55, 3, 0, 1, 7);
      add(0x05, 0, 0, 1, 0);
      const isArgument = r() < 0.5;
      add(isArgument ? 0x7b : 0x79, isArgument ? 3 : 0, isArgument ? 1 : 3, 0, 0);
    }
    add(0x95, 0, 0, 0, 0);
    out.forEach((i, at) => {
      if (i.opcode === 0x85 && i.src_reg === 1) out[at] = makeInsn(0x85, 0, 1, 0, sub - at - 1);
    });
  }
  return out;
}
