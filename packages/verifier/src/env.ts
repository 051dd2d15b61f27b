/** Everything that one verification works on. */
import type { HelperInfo, HelperPrototype, ProgramVariant, Registry } from '@polybpf/helpers';
import type { AttachTarget, ContextValue } from './attach-target.ts';
import type { BtfObjects } from './btf-objects.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { MapModel } from './map-model.ts';
import type { Columns } from './successors.ts';
import { HISTORY_WORDS, type Frame, type State, StatePool } from './state.ts';
import { StackLiveness } from './stack-liveness.ts';
import { NotModelled, Reject } from './reject.ts';
import type { ProgramTypes } from './program-types.ts';
import type { VerifierLog } from './log.ts';
import type { Watcher } from './watcher.ts';
import { REG_WORDS } from './register-record.ts';

/** One function of the program. */
export interface SubprogramInfo {
  start: number;
  /** Deepest stack use in bytes. */
  stackDepth: number;
  hasTailCall: boolean;
  hasLdAbs: boolean;
  isCallback: boolean;
  isAsyncCallback: boolean;
  isExceptionCallback: boolean;
  changesPacket: boolean;
  mightSleep: boolean;
  /** First of its insns in {@link Env.postorder}. */
  postorderStart: number;
  fastcallStackOff: number;
  keepFastcallStack: boolean;
  /** Global functions: reached by a call. */
  called: boolean;
  /** Argument types in BTF that did not fit: do not trust them. */
  unreliable: boolean;
}

/** One helper as this program may call it. */
export interface HelperCall {
  readonly info: HelperInfo;
  readonly proto: HelperPrototype;
  readonly allowed: boolean;
}

/** What the walk over the code must know of a kernel function. */
export interface KfuncSummary {
  readonly parameters: number;
  readonly isVoid: boolean;
  readonly fastcall: boolean;
  readonly iterNext: boolean;
  readonly sleepable: boolean;
  readonly changesPacket: boolean;
  readonly callsBack: 'now' | 'later' | undefined;
  /** May be called while a lock is held. */
  readonly underLock: boolean;
}

/** A branch that waits. */
export interface Pending {
  readonly state: State;
  readonly insn: number;
  readonly previous: number;
  readonly logLength: number;
  /** Where the watcher was. */
  readonly mark: unknown;
}

/** A visit of a loop: the state that entered it, and the states at its ends that are waiting for marks. */
export interface LoopVisit {
  entry: State | undefined;
  backedges: State[];
}

export const MAX_INSNS_PROCESSED = 1_000_000;
export const MAX_PENDING = 8192;

/** Helpers of bpf_base_func_proto that need CAP_BPF; the rest of that function needs CAP_PERFMON too. */
const NEEDS_BPF: ReadonlySet<string> = new Set([
  'bpf_spin_lock',
  'bpf_spin_unlock',
  'bpf_jiffies64',
  'bpf_per_cpu_ptr',
  'bpf_this_cpu_ptr',
  'bpf_timer_init',
  'bpf_timer_set_callback',
  'bpf_timer_start',
  'bpf_timer_cancel',
  'bpf_kptr_xchg',
  'bpf_for_each_map_elem',
  'bpf_loop',
  'bpf_user_ringbuf_drain',
  'bpf_ringbuf_reserve_dynptr',
  'bpf_ringbuf_submit_dynptr',
  'bpf_ringbuf_discard_dynptr',
  'bpf_dynptr_from_mem',
  'bpf_dynptr_read',
  'bpf_dynptr_write',
  'bpf_dynptr_data',
  'bpf_cgrp_storage_get',
  'bpf_cgrp_storage_delete',
  'bpf_get_current_cgroup_id',
  'bpf_get_current_ancestor_cgroup_id',
  'bpf_current_task_under_cgroup',
]);
const NEEDS_PERFMON: ReadonlySet<string> = new Set([
  'bpf_trace_printk',
  'bpf_get_current_task',
  'bpf_get_current_task_btf',
  'bpf_probe_read_user',
  'bpf_probe_read_kernel',
  'bpf_probe_read_user_str',
  'bpf_probe_read_kernel_str',
  'bpf_snprintf_btf',
  'bpf_snprintf',
  'bpf_task_pt_regs',
  'bpf_trace_vprintk',
  'bpf_perf_event_read_value',
]);

/** One verification. */
export class Env {
  readonly count: number;
  readonly opcode: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;

  // What analysis before the walk finds out about each insn.
  readonly prunePoint: Uint8Array;
  readonly jumpPoint: Uint8Array;
  readonly forceCheckpoint: Uint8Array;
  readonly callsCallback: Uint8Array;
  readonly liveRegs: Uint16Array;
  /** Loop (strongly connected component) of the insn; 0 for none. */
  readonly loop: Int32Array;
  postorder: Int32Array = new Int32Array(0);

  // What the walk finds out.
  /** Type of the pointer that the access goes through. */
  readonly ptrType: Int32Array;
  readonly nospec: Uint8Array;
  readonly nospecResult: Uint8Array;
  readonly aluState: Int32Array;
  readonly aluLimit: Int32Array;
  readonly fastcallPattern: Uint8Array;
  /** 1: reached on a path that is not speculative. */
  readonly seen: Uint8Array;
  /** Map index of a ld_imm64; -1 for none. */
  readonly insnMap: Int32Array;
  /** Map that a helper call was made with, + 1; -1 when there were several. */
  readonly callMap: Int32Array;
  /** bpf_loop: 0 not seen, 1 fit for inlining, 2 not; and its callback. */
  readonly loopInline: Uint8Array;

  readonly subprograms: SubprogramInfo[] = [];
  /** Subprogram of each insn. */
  readonly subprogramOf: Int32Array;
  exceptionCallback = 0;

  readonly pool: StatePool = new StatePool();
  readonly liveness: StackLiveness;
  /** Stored states by bucket, newest first. */
  explored: State[][] = [];
  pending: Pending[] = [];
  state: State;
  insn = 0;
  previousInsn = -1;
  idGen = 0;
  processed = 0;
  jumps = 0;
  previousProcessed = 0;
  previousJumps = 0;
  totalStates = 0;
  peakStates = 0;
  maxStatesPerInsn = 0;
  exploredCount = 0;
  freeListCount = 0;
  backedgeCount = 0;
  readonly loopVisits: Map<string, LoopVisit> = new Map();
  readonly usedMaps: Set<number> = new Set();
  /** Map index of the arena, or -1. */
  arena = -1;
  readonly helpers: Map<number, HelperCall> = new Map();
  /** What is known of the kernel function that an insn calls. */
  kfuncFlags: ((insn: number) => KfuncSummary | undefined) | undefined = undefined;
  /** The two states that an endless loop showed. */
  infiniteLoop: { readonly cur: State; readonly old: State } | undefined = undefined;
  /** Pairs of a fastcall pattern, by call. */
  readonly fastcallSpills: Map<number, number> = new Map();
  /** BTF of the program, its maps and the kernel. */
  objects!: BtfObjects;
  kfuncName: ((insn: number) => string | undefined) | undefined = undefined;
  /** Whether the kernel can tell the address of a symbol. */
  hasSymbol: (name: string) => boolean = () => true;
  /** Types of the kernel, when they were given. */
  kernel: KernelTypes | undefined = undefined;
  /** What a program of tracing or LSM is for. */
  target: AttachTarget | undefined = undefined;
  /** What the last load from the context of such a program gave. */
  contextValue: ContextValue | undefined = undefined;
  /** Callback of each bpf_loop, for inlining. */
  readonly loopCallback: Map<number, number> = new Map();
  /** Helpers that a member of a struct of functions may not call. */
  isKept: ((helper: string) => boolean) | undefined = undefined;
  /** A function has just returned: the log says where to. */
  returned = false;
  /** Looks on, e.g. to explain a refusal. */
  watcher: Watcher | undefined = undefined;
  exploreAluLimits = false;
  seenException = false;
  /** History entry of the current insn, index of its first word; -1 when there is none yet. */
  historyEntry = -1;

  /** 1 when a scalar is precise from the start: loaders without CAP_BPF. */
  readonly defaultPrecise: number;

  readonly registry: Registry;
  readonly variant: ProgramVariant;
  readonly options: EnvOptions;
  /** Maps of the program, then their inner maps. */
  readonly maps: readonly MapModel[];
  readonly types: ProgramTypes;
  readonly log: VerifierLog | undefined;

  constructor(
    insns: Columns,
    registry: Registry,
    variant: ProgramVariant,
    options: EnvOptions,
    maps: readonly MapModel[],
    types: ProgramTypes,
    log: VerifierLog | undefined,
  ) {
    this.registry = registry;
    this.variant = variant;
    this.options = options;
    this.maps = maps;
    this.types = types;
    this.log = log;
    const count = insns.opcode.length;
    this.count = count;
    this.opcode = insns.opcode;
    this.dst = insns.dst;
    this.src = insns.src;
    this.off = insns.off;
    this.imm = insns.imm;
    this.prunePoint = new Uint8Array(count + 1);
    this.jumpPoint = new Uint8Array(count + 1);
    this.forceCheckpoint = new Uint8Array(count + 1);
    this.callsCallback = new Uint8Array(count + 1);
    this.liveRegs = new Uint16Array(count + 1);
    this.loop = new Int32Array(count + 1);
    this.ptrType = new Int32Array(count);
    this.nospec = new Uint8Array(count);
    this.nospecResult = new Uint8Array(count);
    this.aluState = new Int32Array(count);
    this.aluLimit = new Int32Array(count);
    this.fastcallPattern = new Uint8Array(count);
    this.seen = new Uint8Array(count);
    this.insnMap = new Int32Array(count).fill(-1);
    this.callMap = new Int32Array(count);
    this.loopInline = new Uint8Array(count);
    this.subprogramOf = new Int32Array(count);
    this.defaultPrecise = options.bpfCapable && !options.allPrecise ? 0 : 1;
    this.liveness = new StackLiveness(this);
    this.state = this.pool.state();
  }

  /** Current frame. */
  get frame(): Frame {
    return this.state.frames[this.state.curframe]!;
  }

  /** Helpers that a type has only for some privileges (kernel: bpf_base_func_proto). */
  helperPermitted(info: HelperInfo): boolean {
    if (this.isKept?.(info.name) === true) return false;
    if (this.options.ingress && TAKES_ANY_ATTACH.has(this.variant.type) && RETURN_VALUE.has(info.name)) return false;
    return this.options.allowPtrLeaks || !NEEDS_PERFMON.has(info.name) ? this.options.bpfCapable || !NEEDS_BPF.has(info.name) : false; // prettier-ignore
  }

  /** Says something that does not decide. */
  note(text: string): void {
    if (this.log !== undefined && text !== '') this.log.line(text);
  }

  readonly noter: (text: string) => void = (text) => this.note(text);
}

/** Loaded with any attach type, which decides whether these helpers are there. */
const TAKES_ANY_ATTACH: ReadonlySet<string> = new Set(['CGROUP_DEVICE', 'CGROUP_SYSCTL']);
const RETURN_VALUE: ReadonlySet<string> = new Set(['bpf_get_retval', 'bpf_set_retval']);

/** How a program is loaded, taken apart. */
export interface EnvOptions {
  readonly bpfCapable: boolean;
  readonly allowPtrLeaks: boolean;
  readonly bypassSpecV1: boolean;
  readonly bypassSpecV4: boolean;
  readonly strictAlignment: boolean;
  readonly testStateFreq: boolean;
  readonly testRegInvariants: boolean;
  readonly sleepable: boolean;
  readonly gpl: boolean;
  /** All scalars count when states are compared: a path that ends in a known state is contained in it. */
  readonly allPrecise: boolean;
  /** Precision is followed through atomics that fetch from the stack; Linux 6.18 does not. */
  readonly followsAtomics: boolean;
  /** No attach type was given, or the first of all, which has no value to return. */
  readonly ingress: boolean;
  readonly logLevel: number;
  /** Possible CPUs of the host that is imagined. */
  readonly cpus: number;
}

/** Refuses the program. */
export function reject(errno: number, text: string): never {
  throw new Reject(errno, text);
}

/** Gives no verdict. */
export function notModelled(feature: string): never {
  throw new NotModelled(feature);
}

/** Two registers that instructions with a constant use; the kernel has them too, for the same reason. */
export const FAKE: Int32Array = new Int32Array(4 * REG_WORDS);

export const HISTORY_STACK_ACCESS: number = 1 << 9;
export const HISTORY_DST_STACK: number = 1 << 10;
export const HISTORY_SRC_STACK: number = 1 << 11;

/** Flags of a history entry for an access to a stack slot of a frame. */
export function stackAccessFlags(frameno: number, slot: number): number {
  return HISTORY_STACK_ACCESS | (slot << 3) | frameno;
}

/**
 * Notes that the current insn was reached from somewhere else, or something about it that backtracking needs; one entry
 * for each insn that is walked (kernel: push_jmp_history).
 */
export function pushHistory(env: Env, state: State, flags: number, linkedLow: number, linkedHigh: number): void {
  if (env.historyEntry >= 0) {
    const history = state.history;
    history[env.historyEntry + 2] = history[env.historyEntry + 2]! | flags;
    history[env.historyEntry + 3] = linkedLow === 0 ? history[env.historyEntry + 3]! : linkedLow;
    history[env.historyEntry + 4] = linkedLow === 0 ? history[env.historyEntry + 4]! : linkedHigh;
    return;
  }
  const at = state.historyCount * HISTORY_WORDS;
  if (at + HISTORY_WORDS > state.history.length) {
    const more = new Int32Array(Math.max(8 * HISTORY_WORDS, state.history.length * 2));
    more.set(state.history);
    state.history = more;
  }
  const history = state.history;
  history[at] = env.insn;
  history[at + 1] = state.lastInsn;
  history[at + 2] = flags;
  history[at + 3] = linkedLow;
  history[at + 4] = linkedHigh;
  state.historyCount++;
  env.historyEntry = at;
}
