// What vectors cannot say, because it needs more than a program and memory: helpers, kfuncs, tail calls, maps, packets.
// Each situation is one program with what surrounds it, and the r0 that the documents of Linux demand.
import { assemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { createInterpreter } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import type { HelperCallContext, Machine, MachineHelperRegistry } from '@polybpf/machine';
import { type SupportCell } from './support-table.ts';

/** One program in its surroundings. */
interface Situation {
  readonly feature: string;
  /** Kernel syntax. */
  readonly text: string;
  readonly r0: bigint;
  /** The program in slot 1 of every program array; the other slots are empty. */
  readonly second?: string;
}

const PACKET = Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x9a);

/** Sum of the arguments, each times its number. */
const weigh = (cx: HelperCallContext): bigint => [1, 2, 3, 4, 5].reduce((sum, n) => sum + BigInt(n) * cx.arg(n), 0n);

const REGISTRY: MachineHelperRegistry = {
  helper: (id) => (id === 1 ? { id, name: 'weigh', call: weigh } : undefined),
  kfunc: ({ name }) => (name === 'weigh_kfunc' ? { id: 1, name, call: weigh } : undefined),
};

const FIVE_ARGUMENTS = 'r1 = 1; r2 = 1; r3 = 1; r4 = 1; r5 = 1';
const PROGRAMS = '.map programs type=prog_array key=4 value=4 entries=4';
const DATA = '.map counters type=array kind=data key=4 value=16 entries=1';

/** Titles of the features that situations are about, in the order of the table. */
export const SITUATION_FEATURES = {
  ordered: '`load_acquire`, `store_release`',
  helpers: 'helper calls',
  kfuncs: 'calls of kfuncs and external functions',
  tailCalls: 'tail calls',
  maps: 'map handles, global data',
  packet: 'legacy packet access (`BPF_ABS`, `BPF_IND`)',
  cast: '`addr_space_cast` (as a move: no arena)',
  kernel: 'map file descriptors and BTF ids of a running kernel',
} as const;

const F = SITUATION_FEATURES;

const SITUATIONS: readonly Situation[] = [
  ...(['u8', 'u16', 'u32', 'u64'] as const).map(orderedAccess),
  { feature: F.helpers, text: `${FIVE_ARGUMENTS}; call 1; exit`, r0: 15n },
  { feature: F.helpers, text: `r6 = 3; r7 = 4; r8 = 5; r9 = 6; ${FIVE_ARGUMENTS}; call 1; r0 += r6; r0 += r7; r0 += r8; r0 += r9; exit`, r0: 33n }, // prettier-ignore
  { feature: F.helpers, text: 'r1 = 0x123456789abcdef0 ll; r2 = 0; r3 = 0; r4 = 0; r5 = 0; call 1; exit', r0: 0x123456789abcdef0n }, // prettier-ignore
  { feature: F.kfuncs, text: `.extern weigh_kfunc\n${FIVE_ARGUMENTS}; call kfunc weigh_kfunc; exit`, r0: 15n },
  { feature: F.tailCalls, text: `${PROGRAMS}\nr2 = programs ll; r3 = 1; call 12; r0 = 7; exit`, second: 'r0 = 42; exit', r0: 42n }, // prettier-ignore
  { feature: F.tailCalls, text: `${PROGRAMS}\nr2 = programs ll; r3 = 2; call 12; r0 = 7; exit`, second: 'r0 = 42; exit', r0: 7n }, // prettier-ignore
  { feature: F.maps, text: `${DATA}\nr1 = map_value counters[8] ll; r2 = 5; *(u64 *)(r1 + 0) = r2; r1 = map_value counters[0] ll; r0 = *(u64 *)(r1 + 8); exit`, r0: 5n }, // prettier-ignore
  { feature: F.maps, text: '.map m type=hash key=4 value=8 entries=4\nr1 = m ll; r2 = m ll; r0 = 1; if r1 != r2 goto no; if r1 != 0 goto yes; no: r0 = 0; yes: exit', r0: 1n }, // prettier-ignore
  ...(['u8', 'u16', 'u32'] as const).flatMap((type, i): Situation[] => [
    { feature: F.packet, text: `r6 = r1; r0 = *(${type} *)skb[1]; exit`, r0: [0x34n, 0x3456n, 0x3456789an][i]! },
    { feature: F.packet, text: `r6 = r1; r7 = 1; r0 = *(${type} *)skb[r7 + 0]; exit`, r0: [0x34n, 0x3456n, 0x3456789an][i]! }, // prettier-ignore
  ]),
  { feature: F.cast, text: 'r1 = 5; r0 = addr_space_cast(r1, 0, 1); exit', r0: 5n },
  { feature: F.kernel, text: 'r1 = map_fd[3] ll; r0 = 1; if r1 != 0 goto +1; r0 = 0; exit', r0: 1n },
  { feature: F.kernel, text: 'r1 = map_value[3][8] ll; r0 = 1; if r1 != 0 goto +1; r0 = 0; exit', r0: 1n },
  { feature: F.kernel, text: 'r1 = btf_id[77] ll; r0 = 1; if r1 != 0 goto +1; r0 = 0; exit', r0: 1n },
];

/** Stores 5 with release order over all ones and loads it with acquire order: zero-extended, in either byte order. */
function orderedAccess(type: string): Situation {
  const value = type === 'u64' ? 'r1' : 'w1';
  const result = type === 'u64' ? 'r0' : 'w0';
  return {
    feature: F.ordered,
    text: `r0 = -1; *(u64 *)(r10 - 8) = r0; r1 = 5; store_release((${type} *)(r10 - 8), ${value}); ${result} = load_acquire((${type} *)(r10 - 8)); exit`,
    r0: 5n,
  };
}

/** How the situations of each feature end in the interpreter. */
export function interpretSituations(endian: Endian): Map<string, SupportCell> {
  return tally(endian, (program, second) =>
    createInterpreter(program, {
      helpers: REGISTRY,
      tailCalls: (_, index) => (index === 1 ? second : undefined),
      // The embedder says what stands for what only a kernel has.
      resolve: () => 0x7000_0000_0000n,
    }).run({ packet: PACKET }).r0,
  ); // prettier-ignore
}

/** How the situations of each feature end on a machine. */
export function runSituations(machine: Machine): Map<string, SupportCell> {
  return tally(machine.target.endian, (program, second) => {
    using other = second === undefined ? undefined : machine.prepare(second);
    using prepared = machine.prepare(program, {
      helpers: REGISTRY,
      tailCalls: (_, index) => (index === 1 ? other : undefined),
    });
    return prepared.run().r0;
  });
}

function tally(
  endian: Endian,
  run: (program: Program, second: Program | undefined) => bigint,
): Map<string, SupportCell> {
  const cells = new Map<string, SupportCell>();
  for (const situation of SITUATIONS) {
    const cell = cells.get(situation.feature) ?? { passed: 0, failed: 0, refused: 0, unchecked: 0 };
    const ended = outcome(situation, endian, run);
    cells.set(situation.feature, { ...cell, [ended]: cell[ended] + 1 });
  }
  return cells;
}

function outcome(
  situation: Situation,
  endian: Endian,
  run: (program: Program, second: Program | undefined) => bigint,
): 'passed' | 'failed' | 'refused' {
  const program = assemble(situation.text, { endian });
  const second = situation.second === undefined ? undefined : assemble(situation.second, { endian, name: 'second' });
  try {
    return run(program, second) === situation.r0 ? 'passed' : 'failed';
  } catch (error) {
    // What only a running kernel could resolve is refused as an unresolved symbol.
    if (isBpfError(error) && (error.code === 'E_UNSUPPORTED' || error.code === 'E_RUN_SYMBOL')) return 'refused';
    throw new Error(`${situation.feature}: ${situation.text}`, { cause: error });
  }
}
