/** Programs of any size, one shape for each way in which size can hurt. Each runs through about all of its instructions once. */
import { type Insn, makeInsn, makeProgram, type Program } from '@polybpf/isa';

/** A way to be large. */
export interface Shape {
  readonly name: string;
  /** A little-endian program of about `size` instructions. */
  readonly make: (size: number) => Program;
}

const EXIT = makeInsn(0x95, 0, 0, 0, 0);
const mov = (dst: number, imm: number): Insn => makeInsn(0xb7, dst, 0, 0, imm);
const add = (dst: number, src: number): Insn => makeInsn(0x0f, dst, src, 0, 0);
const START: readonly Insn[] = [mov(0, 0), mov(2, 3), mov(3, 5), mov(4, 7), mov(5, 11)];

/** One block. */
function straightLine(size: number): Program {
  const insns = [...START];
  for (let i = 0; insns.length < size - 1; i++) {
    const [a, b] = [2 + (i & 3), 2 + ((i * 7 + 1) & 3)];
    switch (i % 5) {
      case 0:
        insns.push(add(a, b));
        break;
      case 1:
        insns.push(makeInsn(0xaf, 0, a, 0, 0)); // r0 ^= a
        break;
      case 2:
        insns.push(makeInsn(0x7b, 10, a, -8 - 8 * (i % 60), 0)); // *(u64 *)(r10 - x) = a
        break;
      case 3:
        insns.push(makeInsn(0x79, b, 10, -8 - 8 * ((i - 1) % 60), 0)); // b = *(u64 *)(r10 - x), the one before
        break;
      default:
        insns.push(makeInsn(0x27, a, 0, 0, (i & 0xfff) | 1)); // a *= odd
    }
  }
  return makeProgram([...insns, EXIT], { name: 'straight-line' });
}

/** Every third instruction a branch over one or two others, on what only a run knows; with memory of zeros none is taken. */
function manyBranches(size: number): Program {
  const insns = [...START, makeInsn(0x61, 6, 1, 0, 0)]; // r6 = *(u32 *)r1
  for (let i = 0; insns.length < size - 8; i++) {
    // r0 += k; if r6 > k goto ...; r2 += r0
    insns.push(makeInsn(0x07, 0, 0, 0, i & 0xff), makeInsn(0x25, 6, 0, 1 + (i & 1), i & 0xffff), add(2, 0));
  }
  while (insns.length < size - 1) insns.push(mov(0, 1));
  return makeProgram([...insns, EXIT], { name: 'many-branches' });
}

/** Bounds checks as filters have them: every other instruction may go to the one exit at the end. */
function oneExit(size: number): Program {
  const insns = [...START];
  while (insns.length < size - 5) {
    const end = size - 2;
    const distance = end - insns.length - 1;
    insns.push(makeInsn(0x07, 0, 0, 0, 1)); // r0 += 1
    // if r2 > 100 goto the exit, which is never so; far ones go by way of a 32-bit jump.
    if (distance - 1 <= 0x7fff) insns.push(makeInsn(0x25, 2, 0, distance - 1, 100));
    else insns.push(makeInsn(0xb5, 2, 0, 1, 100), makeInsn(0x06, 0, 0, 0, distance - 3));
  }
  while (insns.length < size - 2) insns.push(mov(3, 1));
  return makeProgram([...insns, mov(0, 1), EXIT], { name: 'one-exit' });
}

/** How many loops around each other a jump of 16 bits reaches out of. */
const NEAR_LOOPS = 0x4000;

/** Loops in loops in loops, all of which end in their first turn: the depth is a half or a third of the size. */
function deepLoops(size: number): Program {
  const insns = [...START];
  // Near jumps back are one instruction, far ones two.
  const room = size - START.length - 1;
  const depth = room <= 4 * NEAR_LOOPS ? room >> 1 : Math.floor((room + NEAR_LOOPS) / 3);
  const at = insns.length;
  for (let i = 0; i < depth; i++) insns.push(makeInsn(0x07, 0, 0, 0, 1)); // r0 += 1
  for (let i = depth - 1; i >= 0; i--) {
    const target = at + i;
    // if r2 == 4 goto the head, which is never so; jumps of more than 16 bits go by way of a 32-bit jump behind the next instruction.
    const distance = target - insns.length - 1;
    if (distance >= -0x8000) insns.push(makeInsn(0x15, 2, 0, distance, 4));
    else insns.push(makeInsn(0x55, 2, 0, 1, 4), makeInsn(0x06, 0, 0, 0, target - insns.length - 2));
  }
  return makeProgram([...insns, EXIT], { name: 'deep-loops' });
}

/** Functions of four instructions, each called once, in bodies of many calls. */
function manyFunctions(size: number): Program {
  const insns: Insn[] = [mov(0, 0)];
  const count = Math.floor((size - 2) / 5);
  const body = 1 + count + 1;
  for (let i = 0; i < count; i++) insns.push(makeInsn(0x85, 0, 1, 0, body + 4 * i - insns.length - 1));
  insns.push(EXIT);
  for (let i = 0; i < count; i++) {
    insns.push(mov(0, i & 0xff), makeInsn(0x07, 0, 0, 0, 1), makeInsn(0x67, 0, 0, 0, 1), EXIT);
  }
  return makeProgram(insns, { name: 'many-functions' });
}

/** All shapes. */
export const SHAPES: readonly Shape[] = [
  { name: 'straight line', make: straightLine },
  { name: 'many branches', make: manyBranches },
  { name: 'one exit', make: oneExit },
  { name: 'deep loops', make: deepLoops },
  { name: 'many functions', make: manyFunctions },
];
