/** Hostile programs in sandboxed native code: does any get out? */
import { setImmediate } from 'node:timers/promises';
import { isBpfError } from '@polybpf/errors';
import { makeProgram } from '@polybpf/isa';
import { type Machine, type MachineHelper, openMachine, type PreparedProgram } from '@polybpf/machine';
import { targetByName } from '@polybpf/targets';
import { HOSTILE_HELPERS, hostileProgram } from '../hostile-program.ts';

export interface HostileOptions {
  /** Name of a target. */
  readonly target: string;
  readonly seed: number;
  /** Number of the first program; default 0. */
  readonly first?: number;
  readonly count: number;
  /** `none` to see that escapes are noticed; default `sandbox`. */
  readonly bounds?: 'none' | 'sandbox';
  readonly onProgress?: (programs: number) => void;
}

/** A program that got out. */
export interface Escape {
  readonly index: number;
  readonly reason: string;
}

export interface HostileReport {
  readonly target: string;
  readonly seed: number;
  readonly first: number;
  readonly programs: number;
  /** How programs ended: `done` or an error code, and how often; faults by what noticed them. */
  readonly endings: Readonly<Record<string, number>>;
  readonly escapes: readonly Escape[];
  readonly elapsedMs: number;
}

/** Ends that a sandboxed program may come to. */
const ALLOWED: readonly string[] = [
  'E_RUN_MEMORY',
  'E_RUN_ALIGN',
  'E_RUN_JUMP',
  'E_RUN_CALL_DEPTH',
  'E_RUN_HELPER',
  'E_MACHINE_TIMEOUT',
];
const BATCH = 64;
const TIMEOUT_MS = 300;
/** Escapes after which it is clear. */
const ENOUGH = 5;

const HELPERS: readonly MachineHelper[] = [
  {
    id: HOSTILE_HELPERS.write,
    name: 'write',
    call: (cx) => (cx.memory.write(cx.arg(1), 8, cx.arg(2)), 0n),
  },
  { id: HOSTILE_HELPERS.combine, name: 'combine', call: (cx) => cx.arg(1) ^ cx.arg(2) },
  {
    id: HOSTILE_HELPERS.callback,
    name: 'callback',
    call: (cx) => cx.call(cx.arg(1), [cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5), 0n]),
  },
  {
    id: HOSTILE_HELPERS.fill,
    name: 'fill',
    call: (cx) => (cx.memory.view(cx.arg(1), Number(cx.arg(2) & 0xfffn), 'helper_write').fill(0xee), cx.arg(1)),
  },
];

/** Edges of the arena and of what lies around, other addresses with the same bits, and those that CPUs treat specially. */
export function targetsAround({ arena }: Machine): bigint[] {
  const start = arena.address;
  const end = start + BigInt(arena.bytes);
  const guard = BigInt(arena.guardBytes);
  const above = BigInt(arena.guardAboveBytes);
  const edges = [start, start + 0x1000n, start + 0x100000n, start + 0x2100000n, end - 8n, end - 1n, end, start - 1n, start - 8n]; // prettier-ignore
  const beyond = [start - guard, start - guard - 8n, start - guard - 0x10000n, end + above, end + above + 8n, end + above - 4n, end + 2n ** 32n]; // prettier-ignore
  const runner = [
    0x10000000n,
    0x100ff000n,
    0x10100000n,
    0x10110000n,
    0x10120000n,
    0x20000000n,
    0x20000080n,
    0x20100000n,
  ];
  const flipped = Array.from({ length: 36 }, (_, bit) => (start + 0x1000n) ^ (1n << BigInt(28 + bit)));
  const special = [0n, 8n, 0x1000n, 0x7fffffffn, 0x80000000n, 0xfffffff8n, 2n ** 32n, 2n ** 47n - 8n, 2n ** 47n, 2n ** 63n, -8n, -1n, -4096n]; // prettier-ignore
  return [...edges, ...edges, ...beyond, ...beyond, ...runner, ...flipped, ...special];
}

/**
 * Runs hostile programs. Between batches other work of the process gets its turn: only then are runners that the CPU has
 * stopped waited for.
 *
 * @throws BpfError `E_MACHINE_MISSING` when nothing runs the target's code here, `E_TARGET_UNKNOWN`
 */
export async function runHostile(options: HostileOptions): Promise<HostileReport> {
  const { target, seed, count, first = 0, bounds = 'sandbox' } = options;
  const started = performance.now();
  const endings: Record<string, number> = {};
  const escapes: Escape[] = [];
  using machine = openMachine(targetByName(target), { timeoutMs: TIMEOUT_MS });
  const targets = targetsAround(machine);
  let done = 0;
  while (done < count && escapes.length < ENOUGH) {
    const indices = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => first + done + i);
    const found = runBatch(machine, indices, seed, targets, bounds, endings);
    escapes.push(...found);
    if (!machine.arena.isIntact()) {
      // Whoever it was has damaged this machine: the programs run again, each on one of its own.
      const guilty = indices.filter((index) => damages(target, index, seed, bounds));
      escapes.push(...(guilty.length === 0 ? indices.slice(0, 1) : guilty).map((index) => ({ index, reason: 'memory outside the arena has changed' }))); // prettier-ignore
      break;
    }
    done += indices.length;
    options.onProgress?.(done);
    await setImmediate();
  }
  return { target, seed, first, programs: done, endings, escapes, elapsedMs: performance.now() - started };
}

function damages(target: string, index: number, seed: number, bounds: 'none' | 'sandbox'): boolean {
  using machine = openMachine(targetByName(target), { timeoutMs: TIMEOUT_MS });
  runBatch(machine, [index], seed, targetsAround(machine), bounds, {});
  return !machine.arena.isIntact();
}

function runBatch(
  machine: Machine,
  indices: readonly number[],
  seed: number,
  targets: readonly bigint[],
  bounds: 'none' | 'sandbox',
  endings: Record<string, number>,
): Escape[] {
  const escapes: Escape[] = [];
  const count = (ending: string): void => void (endings[ending] = (endings[ending] ?? 0) + 1);
  const { endian } = machine.target;
  const prepared: { index: number; program: PreparedProgram; mem: Uint8Array }[] = [];
  for (const index of indices) {
    const { insns, mem } = hostileProgram(Math.imul(seed, 0x9e3779b1) ^ index, targets);
    const program = machine.prepare(makeProgram([...insns], { endian, name: `hostile ${index}` }), { helpers: HELPERS, bounds }); // prettier-ignore
    prepared.push({ index, program, mem });
  }
  try {
    const outcomes = machine.runBatch(prepared.map(({ program, mem }) => ({ program, ...(mem.length === 0 ? {} : { mem }) }))); // prettier-ignore
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'done') return count('done');
      const { code, message, got } = outcome.error;
      // What the CPU stopped is told apart from what a check did.
      count(code === 'E_RUN_MEMORY' && got !== undefined ? `${code} by ${got}` : code);
      if (!ALLOWED.includes(code)) escapes.push({ index: prepared[i]!.index, reason: message });
    });
  } catch (error) {
    if (!isBpfError(error)) throw error;
    escapes.push({ index: indices[0]!, reason: error.message });
  } finally {
    for (const { program } of prepared) program.dispose();
  }
  return escapes;
}
