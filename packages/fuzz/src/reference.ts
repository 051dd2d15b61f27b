/** The interpreter as generated programs need it, and what it knows about them. */
import { type Engine, type Job, type Outcome, suiteHelpers } from '@polybpf/conformance';
import { isBpfError } from '@polybpf/errors';
import { createMemory, runProgram, type TraceView } from '@polybpf/interpreter';
import { type Endian, findSubprograms, type Insn, makeInsn, makeProgram, rowOf } from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';
import { type CodeLine, insnsOf, type Line, linesOf, makeLabel } from './code-lines.ts';
import { rowNamed } from './function-context.ts';

/** More than any generated program executes, little enough for shrinking not to wait for endless loops. */
const BUDGET = 400_000;

/** The interpreter, leaving nothing in r1 to r5 after calls. */
export function referenceEngine(): Engine {
  return { name: 'interpreter', checksAccesses: true, run: (jobs) => jobs.map((job) => interpret(job, true)) };
}

function interpret({ program, mem }: Job, clobber: boolean): Outcome {
  const memory = mem.slice();
  try {
    const { r0 } = runProgram(program, { mem: memory, helpers: suiteHelpers(), budget: BUDGET, clobber });
    return { status: 'done', r0, mem: memory };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { status: 'error', error };
  }
}

/**
 * Whether the program ends without a fault and what it computes depends on its memory only: not on registers, stack
 * bytes or arguments without a value, and not on addresses. Told by running it with different garbage in all of these.
 */
export function isDefined({ insns, mem }: FuzzProgram, endian: Endian): boolean {
  const plain = interpret({ program: makeProgram(insns, { endian }), mem }, true);
  if (plain.status !== 'done') return false;
  return POISONS.every((poison) => {
    const other = runPoisoned(insns, mem, endian, poison);
    return other !== undefined && other.r0 === plain.r0 && isEqual(other.mem, plain.mem);
  });
}

interface Poison {
  readonly value: number;
  /** Size of a frame, which moves the frame pointer. */
  readonly stackSize: number;
  /** Bytes before the memory. */
  readonly shift: number;
}

const POISONS: readonly Poison[] = [
  { value: 0x5a17c3e9, stackSize: 512 + 24, shift: 4096 + 72 },
  { value: -0x2b1d9f7f, stackSize: 512 + 4096 + 8, shift: 264 },
];

function runPoisoned(
  insns: readonly Insn[],
  mem: Uint8Array,
  endian: Endian,
  { value, stackSize, shift }: Poison,
): { readonly r0: bigint; readonly mem: Uint8Array } | undefined {
  const poisoned = withGarbage(insns, value);
  if (poisoned === undefined) return undefined;
  const memory = createMemory({ endian });
  const data = new Uint8Array(shift + mem.length);
  data.set(mem, shift);
  const region = memory.add({ name: 'memory', kind: 'mem', data });
  const args = mem.length === 0 ? [0n, 0n] : [memory.addressOf(region) + BigInt(shift), BigInt(mem.length)];
  try {
    const { r0 } = runProgram(makeProgram(poisoned, { endian }), { memory, args, helpers: suiteHelpers(), budget: 2 * BUDGET, stackSize }); // prettier-ignore
    return { r0, mem: data.subarray(shift) };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return undefined;
  }
}

/** The program with garbage in everything that has no value when a function starts. */
function withGarbage(insns: readonly Insn[], value: number): Insn[] | undefined {
  const lines = linesOf(insns);
  if (lines === undefined) return undefined;
  const starts = new Set(findSubprograms(insns).map(({ start }) => start));
  const entries = new Map<Line, ReturnType<typeof makeLabel>>();
  const result: Line[] = [];
  let slot = 0;
  let labels: Line[] = [];
  for (const line of lines) {
    if (line.kind === 'label') {
      labels.push(line);
      continue;
    }
    if (starts.has(slot)) {
      const entry = makeLabel();
      for (const label of labels) entries.set(label, entry);
      result.push(entry, ...garbage(value, slot === 0));
    }
    result.push(...labels, line);
    labels = [];
    slot += line.nextImm === undefined ? 1 : 2;
  }
  // Jumps to the first instruction of a function stay inside it, calls begin with the garbage.
  return insnsOf(
    result.map((line) => {
      if (line.kind === 'label' || line.target === undefined || rowOf(line.insn)?.immUse !== 'subprogram') return line;
      return { ...line, target: entries.get(line.target) ?? line.target };
    }),
  );
}

function garbage(value: number, isMain: boolean): CodeLine[] {
  const registers = isMain ? [0, 3, 4, 5, 6, 7, 8, 9] : [0, 6, 7, 8, 9];
  const load = rowNamed('ld_imm64').opcode;
  const store = rowNamed('stdw').opcode;
  const line = (insn: Insn, nextImm?: number): CodeLine => ({ kind: 'insn', insn, nextImm, target: undefined });
  return [
    ...registers.map((register) =>
      line(makeInsn(load, register, 0, 0, Math.imul(value, register + 3)), Math.imul(value, register + 77)),
    ),
    ...Array.from({ length: 64 }, (_, i) => line(makeInsn(store, 10, 0, -8 * (i + 1), Math.imul(value, i + 101)))),
  ];
}

/** Whether two memories hold the same. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Reads registers before every instruction that the program executes; faults are ignored. */
export function observe({ insns, mem }: FuzzProgram, endian: Endian, visit: (view: TraceView) => void): void {
  try {
    runProgram(makeProgram(insns, { endian }), { mem: mem.slice(), helpers: suiteHelpers(), budget: BUDGET, trace: visit }); // prettier-ignore
  } catch (error) {
    if (!isBpfError(error)) throw error;
  }
}
