/** How large, how deep, how long a program may be. */
import { constants as c, type Insn } from '@polybpf/isa';
import type { LiveKernel } from '../live-kernel.ts';
import type { LoadOptions } from '../load-program.ts';
import type { LimitProfile } from './profile.ts';
import { ask, callHelper, callLocal, exit, jumpImm, load, loadImm64, movImm, movReg32, store } from './snippets.ts';

type Limits = Record<string, LimitProfile>;

const FILTER: LoadOptions = { type: 'socket_filter' };
/** `bpf_tail_call`. */
const TAIL_CALL = 12;

/** Finds all limits. */
export function probeLimits(kernel: LiveKernel): Limits {
  const filter = (insns: readonly Insn[]): boolean => ask(kernel, insns, FILTER, 0).accepted;
  const limits: Limits = {
    stackBytesSingleFrame: largest(512, 8, (bytes) => filter([store(8, 10, -bytes, 1), movImm(0, 0), exit()])),
    maxInsnsStraightLinePrivileged: largest(1_000_000, 1, (count) => filter(straightLine(count))),
    callFrames: largest(8, 1, (frames) => filter(chain(frames, 0))),
    subprogs: largest(256, 1, (count) => filter(manyFunctions(count))),
    'boundedLoopMaxIters(2-insn body)': largest(499_999, 1, (count) => filter(countedLoop(count))),
    usedMaps: largest(64, 1, (count) => usesMaps(kernel, count)),
    tailCallSelfLoop: tailCallLoop(kernel),
    pendingBranchStates: largest(8192, 1, (count) => filter(pendingBranches(count))),
  };
  const types: readonly [string, LoadOptions][] = [
    ['socket_filter', FILTER],
    ['kprobe', { type: 'kprobe' }],
    ['tracepoint', { type: 'tracepoint' }],
    ['xdp', { type: 'xdp' }],
  ];
  for (const [name, options] of types) {
    limits[`combinedStackTwoFrames(${name})`] = combinedStack(kernel, options, 2);
    limits[`combinedStackEightFrames(${name})`] = combinedStack(kernel, options, 8);
  }
  return limits;
}

/**
 * The largest multiple of `step` that holds, null when not even one step does. `guess` is tried first, since most
 * kernels agree on it and some of these programs take the verifier a second.
 */
export function largest(guess: number, step: number, holds: (value: number) => boolean): number | null {
  let good = 0;
  let bad: number;
  if (holds(guess)) {
    good = guess;
    bad = guess + step;
    while (holds(bad)) {
      good = bad;
      bad *= 2;
      if (bad > 2 ** 26) return good;
    }
  } else bad = guess;
  while (bad - good > step) {
    const middle = good + Math.floor((bad - good) / step / 2) * step;
    if (holds(middle)) good = middle;
    else bad = middle;
  }
  return good === 0 ? null : good;
}

function straightLine(count: number): Insn[] {
  const insns: Insn[] = new Array<Insn>(count).fill(movImm(0, 0));
  insns[count - 1] = exit();
  return insns;
}

/** `frames` functions, each calling the next one, each with `bytes` of stack. */
function chain(frames: number, bytes: number): Insn[] {
  return Array.from({ length: frames }, (_, frame) => {
    const body = bytes === 0 ? [movImm(0, 0)] : [movImm(0, 0), store(8, 10, -bytes, 0)];
    return frame === frames - 1 ? [...body, exit()] : [...body, callLocal(1), exit()];
  }).flat();
}

/** The main function calls each of the others once. */
function manyFunctions(count: number): Insn[] {
  const others = count - 1;
  const calls = Array.from({ length: others }, (_, k) => callLocal(others - k - 1 + 2 + 2 * k));
  const bodies = Array.from({ length: others }, () => [movImm(0, 0), exit()]).flat();
  return [...calls, movImm(0, 0), exit(), ...bodies];
}

function countedLoop(count: number): Insn[] {
  const add = { ...movImm(0, 1), opcode: c.BPF_ALU64 | c.BPF_ADD | c.BPF_K };
  return [movImm(0, 0), add, jumpImm(c.BPF_JLT, 0, count, -2), exit()];
}

/** Each branch leaves one way to be looked at later. */
function pendingBranches(count: number): Insn[] {
  const jumps = Array.from({ length: count }, (_, k) => jumpImm(c.BPF_JEQ, 2, k + 1, 0));
  return [movReg32(2, 1), ...jumps, movImm(0, 0), exit()];
}

function usesMaps(kernel: LiveKernel, count: number): boolean {
  const maps = Array.from({ length: count }, () =>
    kernel.createMap({ type: 'array', keySize: 4, valueSize: 4, maxEntries: 1, name: 'probe' }),
  );
  try {
    const loads = maps.flatMap((map) => loadImm64(1, c.BPF_PSEUDO_MAP_FD, map.fd));
    return ask(kernel, [...loads, movImm(0, 0), exit()], FILTER, 0).accepted;
  } finally {
    for (const map of maps) map.close();
  }
}

/** The largest sum of equal frames; 512 bytes are one frame's own limit. */
function combinedStack(kernel: LiveKernel, options: LoadOptions, frames: number): number | null {
  const bytes = largest(512, 8, (size) => size <= 512 && ask(kernel, chain(frames, size), options, 0).accepted);
  return bytes === null ? null : bytes * frames;
}

/** A program that counts how often it runs and then tail-calls itself. */
function tailCallLoop(kernel: LiveKernel): LimitProfile {
  using programs = kernel.createMap({ type: 'prog_array', keySize: 4, valueSize: 4, maxEntries: 1, name: 'probe' });
  using counter = kernel.createMap({ type: 'array', keySize: 4, valueSize: 8, maxEntries: 1, name: 'probe' });
  const increment = { ...load(8, 2, 6, 0), opcode: c.BPF_ALU64 | c.BPF_ADD | c.BPF_K, src_reg: 0, imm: 1 };
  const save = { ...movImm(7, 0), opcode: c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, src_reg: 1 };
  const outcome = kernel.load(
    [
      save,
      ...loadImm64(6, c.BPF_PSEUDO_MAP_VALUE, counter.fd),
      load(8, 2, 6, 0),
      increment,
      store(8, 6, 0, 2),
      { ...save, dst_reg: 1, src_reg: 7 },
      ...loadImm64(2, c.BPF_PSEUDO_MAP_FD, programs.fd),
      movImm(3, 0),
      callHelper(TAIL_CALL),
      movImm(0, 7),
      exit(),
    ],
    { ...FILTER, name: 'probe' },
  );
  if (!outcome.accepted) return null;
  const zero = new Uint8Array(4);
  programs.update(zero, new Uint8Array(Uint32Array.of(outcome.fd).buffer));
  const { retval } = kernel.testRun(outcome.fd, { data: new Uint8Array(64) });
  kernel.close(outcome.fd);
  const runs = Number(new DataView(counter.lookup(zero)!.buffer).getBigUint64(0, true));
  return { programExecutions: runs, tailCallsTaken: runs - 1, retval };
}
