/** One program of a VM: from an event to a result. */
import { BpfError } from '@polybpf/errors';
import type { Interpreter, RunFault, RunInput } from '@polybpf/interpreter';
import type { Program } from '@polybpf/isa';
import { bindContext, type BoundContext, clampFlowKeys, type ContextOptions } from './bind-context.ts';
import { fitInteger } from './byte-order.ts';
import { type BpfEvent, checkEventKind, eventKindOf, type EventFacts, structOfType } from './events.ts';
import { verdictName } from './verdict.ts';
import type { Redirect, RunState, TaskState, World } from './world.ts';

/** What a run of a program gave. */
export interface VmRunResult {
  /** Name of the program. */
  readonly program: string;
  /** All 64 bits, unsigned. */
  readonly r0: bigint;
  /** What the kernel looks at: the lower 32 bits. */
  readonly retval: number;
  /** `XDP_PASS`, `TC_ACT_SHOT`, `allow`, ... where the type has names for it. */
  readonly verdict: string | undefined;
  /** The packet afterwards, from `data` on. */
  readonly packet: Uint8Array | undefined;
  /** Metadata before the packet afterwards. */
  readonly metadata: Uint8Array | undefined;
  /** The context afterwards. */
  readonly context: Uint8Array;
  readonly flowKeys: Uint8Array | undefined;
  /** Lines of `bpf_printk`. */
  readonly printed: readonly string[];
  readonly redirects: readonly Redirect[];
  /** Signals, return values that were set, and so on. */
  readonly effects: readonly { readonly name: string; readonly value: bigint }[];
  readonly insnsExecuted: number;
  /** Why the run ended before its exit. */
  readonly fault?: RunFault;
  readonly error?: BpfError;
}

/** A program that can be run. */
export interface VmProgram {
  readonly name: string;
  readonly program: Program;
  /** Program type in libbpf's words, e.g. `xdp`. */
  readonly type: string;
  /**
   * Runs it on an event. Without one it gets an empty context of its type.
   *
   * @throws BpfError `E_RUN_*` for a fault, `E_INPUT` for an event that does not fit
   */
  run(event?: BpfEvent): VmRunResult;
  /** As `run`; a fault is part of the result. */
  tryRun(event?: BpfEvent): VmRunResult;
  /** The engine, for single steps and breakpoints. */
  readonly interpreter: Interpreter;
}

/** What running needs of the VM. */
export interface ProgramHost {
  readonly world: World;
  readonly context: ContextOptions;
  readonly printed: string[];
  /** Address of the task of a pid, for a task without bytes. */
  taskAddress(pid: number): bigint;
  /** The same object for the same owner of local storage. */
  owner(kind: string, id: bigint): object;
  /** Lets timers fire up to a time. */
  advanceTo(time: bigint): void;
}

const NO_TASK = { pid: 0, comm: 'swapper' };

/** An event for a program that was given none. */
export function defaultEvent(program: Program): BpfEvent {
  const type = program.type ?? 'socket_filter';
  const kind = eventKindOf(type);
  switch (kind) {
    case 'xdp':
    case 'skb':
    case 'flow_dissector':
      return { kind, packet: new Uint8Array(64) };
    case 'kprobe':
    case 'perf_event':
      return { kind, arch: 'x86_64', regs: {} };
    case 'tracepoint':
      return { kind, name: (program.attachTo ?? 'unknown:unknown').replace('/', ':'), fields: {} };
    case 'arguments':
      return { kind, args: Array.from({ length: 12 }, () => 0) };
    case 'struct':
      return { kind, struct: structOfType(type)!, fields: {} };
    case 'bytes':
      return { kind, context: new Uint8Array(0) };
  }
}

/** Applies an event's moment to the world: time, CPU, task. */
function applyFacts(host: ProgramHost, event: EventFacts): void {
  const { world } = host;
  const { time } = event;
  if (time !== undefined) {
    if (time < 0 || (typeof time === 'number' && !Number.isInteger(time))) {
      throw new BpfError('E_INPUT', 'time of the event', { expected: 'nanoseconds from 0', got: String(time) });
    }
    host.advanceTo(BigInt(time));
  }
  for (const name of ['pid', 'tgid', 'uid', 'gid'] as const) fitInteger(event[name] ?? 0, 4, `${name} of the event`);
  world.cpu = event.cpu ?? world.cpu;
  if (world.cpu >= world.cpus) world.cpu %= world.cpus;
  const pid = event.pid ?? NO_TASK.pid;
  const task: TaskState = {
    pid,
    tgid: event.tgid ?? pid,
    uid: event.uid ?? 0,
    gid: event.gid ?? 0,
    comm: event.comm ?? (pid === 0 ? NO_TASK.comm : ''),
    cgroupId: BigInt(event.cgroupId ?? 1),
    cgroupAncestors: (event.cgroupAncestors ?? []).map(BigInt),
    address: host.taskAddress(pid),
  };
  world.task = task;
}

function runState(host: ProgramHost, program: Program, event: BpfEvent, bound: BoundContext): RunState {
  const facts = Object.fromEntries(Object.entries(event.facts ?? {}).map(([name, value]) => [name, BigInt(value)]));
  const { task } = host.world;
  return {
    program,
    type: program.type ?? 'socket_filter',
    packet: bound.packet,
    context: bound.bytes,
    contextAddress: bound.address,
    stacks: {
      kernel: (event.kernelStack ?? []).map((frame) => BigInt.asUintN(64, BigInt(frame))),
      user: (event.userStack ?? []).map((frame) => BigInt.asUintN(64, BigInt(frame))),
    },
    functionArgs: bound.functionArgs,
    functionResult: bound.functionResult,
    functionAddress: bound.functionAddress,
    facts,
    texts: { ...(event.kind === 'struct' ? event.texts : {}) },
    owners: {
      socket: host.owner('socket', facts['socketCookie'] ?? 0n),
      task: host.owner('task', BigInt(task.pid)),
      cgroup: host.owner('cgroup', task.cgroupId),
      inode: host.owner('inode', facts['inode'] ?? 0n),
    },
    redirects: [],
    effects: [],
  };
}

/** A program that runs in a VM. `interpreter` is asked for when the program first runs. */
export function createVmProgram(host: ProgramHost, program: Program, interpreter: () => Interpreter): VmProgram {
  const type = program.type ?? 'socket_filter';
  const tryRun = (event: BpfEvent = defaultEvent(program)): VmRunResult => {
    if (program.type !== undefined) checkEventKind(type, event);
    const engine = interpreter();
    applyFacts(host, event);
    const { world } = host;
    const bound = bindContext(world, program, event, host.context);
    let taskRegion: number | undefined;
    if (event.task !== undefined) {
      const region = world.memory.add({ name: `task ${world.task.pid}`, kind: 'mem', data: event.task.slice() });
      taskRegion = region.number;
      world.task = { ...world.task, address: world.memory.addressOf(region) };
    }
    const state = runState(host, program, event, bound);
    const firstLine = host.printed.length;
    world.run = state;
    try {
      const input: RunInput = {
        args: [bound.address],
        ...(bound.packetInput === undefined ? {} : { packet: bound.packetInput }),
      };
      const { r0, insnsExecuted, fault, error } = engine.tryRun(input);
      const { packet } = bound;
      return {
        program: program.name,
        r0,
        retval: Number(BigInt.asUintN(32, r0)),
        verdict: fault === undefined ? verdictName(type, Number(BigInt.asUintN(32, r0))) : undefined,
        packet: packet?.contents.slice(),
        metadata: packet === undefined ? undefined : packet.bytes.slice(packet.meta, packet.data),
        context: bound.bytes.slice(),
        flowKeys:
          bound.flowKeys === undefined ? undefined : clampFlowKeys(bound.flowKeys, packet!.length, world.endian),
        printed: host.printed.slice(firstLine),
        redirects: state.redirects,
        effects: state.effects,
        insnsExecuted,
        ...(fault === undefined || error === undefined ? {} : { fault, error }),
      };
    } finally {
      world.run = undefined;
      world.locks.clear();
      bound.release();
      if (taskRegion !== undefined) world.memory.remove(taskRegion);
    }
  };
  return {
    name: program.name,
    program,
    type,
    tryRun,
    run(event) {
      const result = tryRun(event);
      if (result.error !== undefined) throw result.error;
      return result;
    },
    get interpreter() {
      return interpreter();
    },
  };
}
