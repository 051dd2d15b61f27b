/**
 * Programs of short random sequences that the lowerings fuse (shifts, extensions, products, addresses, bit tests,
 * conditional moves), each on fresh registers, with a random part of them read afterwards: a fusion that forgets a
 * register that is still alive, or takes one that has changed, gives another result than the interpreter.
 */
import type { Insn } from '@polybpf/isa';
import { insn } from './insn.ts';

/** A source of random numbers. */
export interface Random {
  /** 0 to n - 1. */
  int(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** Signed 32 bits. */
  imm(): number;
}

const REGISTERS = [0, 2, 3, 6, 7];
const CTX = 9;
/** Bytes of memory in front of the results: inputs, then words that loads and stores through computed addresses reach. */
export const FUSION_INPUT = 40;
const SHIFTS = ['lsh64', 'rsh64', 'arsh64', 'lsh32', 'rsh32', 'arsh32'];
const REGISTER_OPS = [
  'add64',
  'sub64',
  'and64',
  'or64',
  'xor64',
  'mul64',
  'add32',
  'sub32',
  'and32',
  'or32',
  'xor32',
  'mul32',
  'mov64',
  'mov32',
];
const IMMEDIATE_OPS = ['add64', 'and64', 'or64', 'xor64', 'mul64', 'add32', 'and32', 'mul32', 'mov64', 'mov32'];
const JUMPS = ['jeq', 'jne', 'jgt', 'jge', 'jlt', 'jle', 'jsgt', 'jsge', 'jslt', 'jsle', 'jset'];
const MASKS = [1, 3, 7, 0xff, 0xfff, 0xffff, 0x7fffffff, -2, -256, 0xff00, 0x10, 5];

/** One step of one to four instructions. */
function step(random: Random, any: () => number): Insn[] {
  const wide = random.pick(['64', '32']);
  switch (random.int(12)) {
    case 0:
    case 1:
    case 2: {
      const amount = random.pick([1, 2, 3, 4, 8, 13, 16, 19, 24, 31, 32, 45, 48, 51, 56, 63]);
      const name = random.pick(SHIFTS);
      return [insn(`${name}_imm`, any(), 0, 0, name.endsWith('32') ? amount & 31 : amount)];
    }
    case 3: {
      // Both halves of a rotation, in either order.
      const amount = 1 + random.int(wide === '64' ? 63 : 31);
      const [x, y, z] = [any(), any(), any()];
      const halves = [insn(`lsh${wide}_imm`, x, 0, 0, amount), insn(`rsh${wide}_imm`, y, 0, 0, Number(wide) - amount)];
      if (random.int(2) === 0) halves.reverse();
      return [insn('mov64_reg', y, z), ...halves, insn(`${random.pick(['or', 'add', 'xor'])}${wide}_reg`, x, y)];
    }
    case 4: {
      // An extension on its own, or shifted.
      const extended = any();
      const extension = insn(random.pick(['mov32_reg', 'movsx64_32', 'movsx64_16', 'movsx32_8']), extended, any());
      return random.int(2) === 0 ? [extension] : [extension, insn('lsh64_imm', extended, 0, 0, 1 + random.int(63))];
    }
    case 5:
      return [insn(`${random.pick(IMMEDIATE_OPS)}_imm`, any(), 0, 0, random.pick(MASKS))];
    case 6: {
      // A load or store through an address that is computed right before.
      const [base, index, value] = [any(), any(), any()];
      const log2 = random.int(4);
      const address = [
        insn('mov64_reg', base, CTX),
        insn('and64_imm', index, 0, 0, 3),
        ...(log2 > 0 ? [insn('lsh64_imm', index, 0, 0, log2)] : []),
      ];
      if (base === index) return [];
      const sum = random.int(2) === 0 ? [insn('add64_reg', base, index)] : [insn('add64_reg', index, base)];
      const through = sum[0]!.dst_reg;
      const suffix = random.pick(['b', 'h', 'w', 'dw']);
      // Offsets of up to 24 within the inputs; a store must not leave an address in memory, nor a load one in a register.
      const access = random.int(3) > 0 ? insn(`ldx${suffix}`, value, through) : insn(`stx${suffix}`, through, value);
      if (access.opcode === insn(`stx${suffix}`).opcode && (value === base || value === index)) return [];
      const clean = [base, index].filter((register) => register !== access.dst_reg || access.src_reg !== through);
      return [...address, ...sum, access, ...clean.map((register) => insn('mov64_imm', register, 0, 0, random.imm()))];
    }
    case 7: {
      const moves = 1 + random.int(3);
      const jump =
        random.int(2) === 0
          ? insn(`${random.pick(JUMPS)}${wide}_reg`, any(), any(), moves)
          : insn(`${random.pick(JUMPS)}${wide}_imm`, any(), 0, moves, random.imm());
      const move = (): Insn =>
        random.int(3) > 0 ? insn('mov64_reg', any(), any()) : insn('mov64_imm', any(), 0, 0, random.int(3) - 1);
      return [jump, ...Array.from({ length: moves }, move)];
    }
    case 8: {
      // and, then a test of its result
      const tested = any();
      const test =
        random.int(2) === 0
          ? insn(`and${wide}_imm`, tested, 0, 0, random.pick(MASKS))
          : insn(`and${wide}_reg`, tested, any());
      return [
        test,
        insn(`${random.pick(['jeq', 'jne'])}${random.pick(['32', '64'])}_imm`, tested, 0, 1, 0),
        insn('add64_imm', any(), 0, 0, 1),
      ];
    }
    case 9: {
      // The same comparison twice
      const jump = insn(`${random.pick(JUMPS)}${wide}_reg`, any(), any(), 1);
      const again = insn(`${random.pick(JUMPS)}${wide}_reg`, jump.dst_reg, jump.src_reg, 1);
      return [jump, insn('mov64_reg', any(), any()), again, insn('add64_imm', any(), 0, 0, 1)];
    }
    case 10:
      // Large constants, which share x16.
      return [
        insn(
          `${random.pick(['add64', 'xor32', 'mul64', 'or64'])}_imm`,
          any(),
          0,
          0,
          random.pick([0x12345678, 0x71234567, 0x12345678]),
        ),
      ];
    default:
      return [insn(`${random.pick(REGISTER_OPS)}_reg`, any(), any())];
  }
}

/** `count` sequences; results lie behind the inputs. */
export function fusionProgram(random: Random, count: number): { insns: Insn[]; memory: number } {
  const insns = [insn('mov64_reg', CTX, 1)];
  let at = FUSION_INPUT;
  for (let k = 0; k < count; k++) {
    for (const [i, register] of REGISTERS.entries()) insns.push(insn('ldxdw', register, CTX, 8 * i));
    const any = (): number => random.pick(REGISTERS);
    const steps = 2 + random.int(4);
    for (let s = 0; s < steps; s++) insns.push(...step(random, any));
    for (const register of REGISTERS) {
      if (random.int(2) === 0) continue;
      insns.push(insn('stxdw', CTX, register, at));
      at += 8;
    }
  }
  insns.push(insn('mov64_imm'), insn('exit'));
  return { insns, memory: at };
}
