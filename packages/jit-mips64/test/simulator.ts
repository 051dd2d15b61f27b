/**
 * Executes compiled nodes by what the manual promises (MD00087), not by what a CPU or QEMU happens to do: a word
 * instruction whose operand is no sign-extended word is an error, as is a branch in a delay slot, and what division by
 * zero or of the smallest number by -1 leaves in HI and LO is made up.
 */
import type { CompiledProgram, MachineNode } from '@polybpf/jit';
import { LA_FAR, LA_NEAR } from '../src/branches.ts';
import type { InstructionName, MipsForm } from '../src/instructions.ts';
import { RA, SP } from '../src/registers.ts';

const CODE = 0x40000000n;
export const MEMORY = 0x10000000n;
const STACK_TOP = 0x20000000n;
const STACK_BYTES = 4096;
/** Where the program returns to. */
const RETURN = 0x50000000n;
const STEPS = 200_000;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);
const signWord = (value: bigint): bigint => u64(BigInt.asIntN(32, value));
const isWord = (value: bigint): boolean => signWord(value) === value;
const bytesSwapped = (value: bigint, group: number): bigint => {
  let result = 0n;
  for (let at = 0; at < 8; at++) result |= ((value >> BigInt(8 * at)) & 0xffn) << BigInt(8 * (at ^ group));
  return result;
};

/** Instructions that want sign-extended words in all registers that they read but shift counts. */
const WORD_OPERANDS: ReadonlySet<InstructionName> = new Set<InstructionName>([
  'addu', 'subu', 'negu', 'mul', 'addiu', 'srl', 'sra', 'rotr', 'srlv', 'srav', 'wsbh', 'seb', 'seh',
]); // prettier-ignore

type Compute = (x: bigint, y: bigint, k: number, l: number) => bigint;
const shiftBy = (count: bigint, mask: bigint): bigint => count & mask;

/** Results: x and y are the registers that are read in order, k and l the numbers. */
const COMPUTE: Readonly<Partial<Record<InstructionName, Compute>>> = {
  addu: (x, y) => signWord(x + y), daddu: (x, y) => x + y, subu: (x, y) => signWord(x - y), dsubu: (x, y) => x - y,
  and: (x, y) => x & y, or: (x, y) => x | y, xor: (x, y) => x ^ y, nor: (x, y) => ~(x | y), not: (x) => ~x, move: (x) => x,
  slt: (x, y) => (s64(x) < s64(y) ? 1n : 0n), sltu: (x, y) => (x < y ? 1n : 0n), negu: (x) => signWord(-x), dnegu: (x) => -x,
  mul: (x, y) => signWord(x * y),
  addiu: (x, _, k) => signWord(x + BigInt(k)), daddiu: (x, _, k) => x + BigInt(k), li: (_, __, k) => BigInt(k), li_unsigned: (_, __, k) => BigInt(k),
  slti: (x, _, k) => (s64(x) < BigInt(k) ? 1n : 0n), sltiu: (x, _, k) => (x < u64(BigInt(k)) ? 1n : 0n),
  andi: (x, _, k) => x & BigInt(k), ori: (x, _, k) => x | BigInt(k), xori: (x, _, k) => x ^ BigInt(k), lui: (_, __, k) => signWord(BigInt(k) << 16n),
  sll: (x, _, k) => signWord(x << BigInt(k)), srl: (x, _, k) => signWord(BigInt.asUintN(32, x) >> BigInt(k)), sra: (x, _, k) => u64(s64(x) >> BigInt(k)),
  rotr: (x, _, k) => signWord((BigInt.asUintN(32, x) >> BigInt(k)) | (x << BigInt(32 - k))),
  dsll: (x, _, k) => x << BigInt(k), dsrl: (x, _, k) => x >> BigInt(k), dsra: (x, _, k) => s64(x) >> BigInt(k),
  dsll32: (x, _, k) => x << BigInt(k + 32), dsrl32: (x, _, k) => x >> BigInt(k + 32), dsra32: (x, _, k) => s64(x) >> BigInt(k + 32),
  sllv: (x, y) => signWord(x << shiftBy(y, 31n)), srlv: (x, y) => signWord(BigInt.asUintN(32, x) >> shiftBy(y, 31n)), srav: (x, y) => s64(x) >> shiftBy(y, 31n),
  dsllv: (x, y) => x << shiftBy(y, 63n), dsrlv: (x, y) => x >> shiftBy(y, 63n), dsrav: (x, y) => s64(x) >> shiftBy(y, 63n),
  dext: (x, _, k, l) => BigInt.asUintN(l + 1, x >> BigInt(k)), dextm: (x, _, k, l) => BigInt.asUintN(l + 33, x >> BigInt(k)),
  dextu: (x, _, k, l) => BigInt.asUintN(l + 1, x >> BigInt(k + 32)),
  seb: (x) => BigInt.asIntN(8, x), seh: (x) => BigInt.asIntN(16, x), wsbh: (x) => signWord(bytesSwapped(x, 1)),
  dsbh: (x) => bytesSwapped(x, 1), dshd: (x) => bytesSwapped(x, 6),
}; // prettier-ignore

const BRANCHES: Readonly<Partial<Record<InstructionName, (x: bigint, y: bigint) => boolean>>> = {
  beq: (x, y) => x === y, bne: (x, y) => x !== y, beqz: (x) => x === 0n, bnez: (x) => x !== 0n,
  blez: (x) => s64(x) <= 0n, bgtz: (x) => s64(x) > 0n, bltz: (x) => s64(x) < 0n, bgez: (x) => s64(x) >= 0n,
  b: () => true, bal: () => true,
}; // prettier-ignore

/** Bits of accesses, and whether loads sign-extend. */
const ACCESSES: Readonly<Partial<Record<InstructionName, readonly [bits: 8 | 16 | 32 | 64, signed: boolean]>>> = {
  lb: [8, true], lbu: [8, false], lh: [16, true], lhu: [16, false], lw: [32, true], lwu: [32, false], ld: [64, false],
  ll: [32, true], lld: [64, false], sb: [8, false], sh: [16, false], sw: [32, false], sd: [64, false], sc: [32, false], scd: [64, false],
}; // prettier-ignore

/**
 * Calls a program with the address and length of `mem`, which it may change; returns r0.
 *
 * @throws Error when the code relies on something that the manual calls unpredictable
 */
export function simulate(compiled: CompiledProgram, mem: Uint8Array): bigint {
  const { nodes, nodeOffsets, labelOffsets, target } = compiled;
  const little = target.endian === 'little';
  const nodeAt = new Map<number, number>();
  nodes.forEach((node, i) => {
    const isCode = (node.form as MipsForm).layout !== undefined || node.form === LA_NEAR || node.form === LA_FAR;
    if (isCode) nodeAt.set(nodeOffsets[i]!, i);
  });
  const registers = new Array<bigint>(32).fill(0xdeadbeefcafef00dn);
  registers[0] = 0n;
  [registers[4], registers[5]] = [MEMORY, BigInt(mem.length)];
  [registers[SP], registers[RA]] = [STACK_TOP, RETURN];
  const stack = new DataView(new ArrayBuffer(STACK_BYTES));
  const memory = new DataView(mem.buffer, mem.byteOffset, mem.length);
  let [hi, lo] = [0n, 0n];
  let invented = 0x123456789abcdefn;
  let pc = 0;

  const place = (address: bigint): [DataView, number] =>
    address >= MEMORY && address < MEMORY + BigInt(mem.length)
      ? [memory, Number(address - MEMORY)]
      : [stack, Number(address - STACK_TOP) + STACK_BYTES];
  const fail = (node: MachineNode, what: string): Error => new Error(`${target.print(node, 0)} at ${pc}: ${what}`);

  const divide = (x: bigint, y: bigint, signed: boolean): void => {
    const [a, b] = signed ? [s64(x), s64(y)] : [x, y];
    if (b === 0n || (signed && a === -(2n ** 63n) && b === -1n)) {
      invented = u64(invented * 6364136223846793005n + 1442695040888963407n);
      [hi, lo] = [invented, u64(~invented * 3n)];
    } else [hi, lo] = [u64(a % b), u64(a / b)];
  };

  /** Executes one node; returns where a branch goes, or undefined. */
  const execute = (node: MachineNode): number | undefined => {
    const { form, operands, label } = node;
    const goal = label < 0 ? 0 : labelOffsets[label]!;
    if (form === LA_NEAR || form === LA_FAR) {
      registers[RA] = CODE + BigInt(pc + 8);
      registers[operands[0]!] = CODE + BigInt(goal);
      return undefined;
    }
    const { name: formName, reads, writes } = form as MipsForm;
    // It simulates release 2.
    const name = formName as InstructionName;
    const read = reads.map((position) => registers[operands[position]!]!);
    const [x, y] = [read[0] ?? 0n, read[1] ?? 0n];
    const numbers = operands.filter((_, position) => !reads.includes(position) && !writes.includes(position));
    const words = name === 'srlv' || name === 'srav' ? [x] : read;
    if (WORD_OPERANDS.has(name) && !words.every(isWord)) throw fail(node, `operand ${words.map((w) => w.toString(16)).join()} is no word`); // prettier-ignore
    const compute = COMPUTE[name];
    const access = ACCESSES[name];
    let result: bigint | undefined;
    if (compute !== undefined) result = u64(compute(x, y, numbers[0]!, numbers[1]!));
    else if (BRANCHES[name] !== undefined) {
      if (name === 'bal') registers[RA] = CODE + BigInt(pc + 8);
      return BRANCHES[name](x, y) ? goal : -1;
    } else if (access !== undefined) {
      const [bits, signed] = access;
      const isStore = name.startsWith('s');
      const [view, at] = place(u64((isStore ? y : x) + BigInt(numbers[0]!)));
      if (isStore) {
        const value = BigInt.asUintN(bits, x);
        for (let i = 0; i < bits / 8; i++) view.setUint8(at + (little ? i : bits / 8 - 1 - i), Number((value >> BigInt(8 * i)) & 0xffn)); // prettier-ignore
        if (name === 'sc' || name === 'scd') result = 1n;
      } else {
        let value = 0n;
        for (let i = 0; i < bits / 8; i++) value |= BigInt(view.getUint8(at + (little ? i : bits / 8 - 1 - i))) << BigInt(8 * i); // prettier-ignore
        result = signed ? u64(BigInt.asIntN(bits, value)) : value;
      }
    } else {
      switch (name) {
        case 'dins':
        case 'dinsm':
        case 'dinsu': {
          const first = numbers[0]! + (name === 'dinsu' ? 32 : 0);
          const size = numbers[1]! + (name === 'dins' ? 0 : 32) + 1 - first;
          const mask = (2n ** BigInt(size) - 1n) << BigInt(first);
          result = (x & ~mask) | ((y << BigInt(first)) & mask);
          break;
        }
        case 'movz':
        case 'movn': {
          // rd is read as well.
          const [old, value, condition] = read as [bigint, bigint, bigint];
          result = (condition === 0n) === (name === 'movz') ? value : old;
          break;
        }
        case 'dmult':
          [hi, lo] = [u64((s64(x) * s64(y)) >> 64n), u64(x * y)];
          break;
        case 'ddiv':
        case 'ddivu':
          divide(x, y, name === 'ddiv');
          break;
        case 'mfhi':
          result = hi;
          break;
        case 'mflo':
          result = lo;
          break;
        case 'jr':
          return x === RETURN ? Infinity : Number(x - CODE);
        case 'nop':
        case 'empty_slot':
        case 'sync':
          break;
        default:
          throw fail(node, 'is not simulated');
      }
    }
    if (name === 'mul') [hi, lo] = [invented, invented];
    if (result !== undefined && writes.length > 0 && operands[writes[0]!] !== 0)
      registers[operands[writes[0]!]!] = result;
    return undefined;
  };

  for (let step = 0; step < STEPS; step++) {
    const node = nodes[nodeAt.get(pc)!]!;
    const goal = execute(node);
    if (goal === undefined) {
      pc += target.sizeOf(node);
      continue;
    }
    pc += 4;
    const slot = nodes[nodeAt.get(pc)!]!;
    if (execute(slot) !== undefined) throw fail(slot, 'branch in a delay slot');
    if (goal === Infinity) return registers[2]!;
    pc = goal >= 0 ? goal : pc + 4;
  }
  throw new Error(`no end after ${STEPS} instructions, at ${pc}`);
}
