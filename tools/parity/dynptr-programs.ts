/** Random programs around dynptrs, keeping and breaking their rules: local, ring buffer, packets, callbacks, slices. */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import type { Random } from './random-programs.ts';

/** Maps that the programs use, by index: array, ring buffer, user ring buffer. */
export const DYNPTR_MAPS = [
  { type: 2, keySize: 4, valueSize: 64, maxEntries: 1, name: 'values' },
  { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, name: 'ring' },
  { type: 31, keySize: 0, valueSize: 0, maxEntries: 4096, name: 'user' },
] as const;

export const DYNPTR_TYPES = [
  'sched_cls',
  'xdp',
  'cgroup_skb',
  'socket_filter',
  'sk_skb',
  'lwt_in',
  'lwt_xmit',
  'kprobe',
  'syscall',
  'tracepoint',
  'netfilter',
  'tracing',
] as const;

/** How programs of the type are loaded beyond that: those of tracing are for a tracepoint with a packet. */
export const DYNPTR_ATTACH: Readonly<Record<string, { readonly attachType: string; readonly target?: string }>> = {
  netfilter: { attachType: 'BPF_NETFILTER' },
  tracing: { attachType: 'BPF_TRACE_RAW_TP', target: 'kfree_skb' },
};

const ARRAY = 0;
const RING = 1;
const USER = 2;

// Ids of the functions below.
const MAIN = 4;
const CALLBACK = 11;
const GLOBAL = 13;
const STATIC = 14;
const ROUND = 15;

/** A program with its functions. */
export interface DynptrProgram {
  readonly insns: Insn[];
  readonly functions: readonly { readonly insn: number; readonly type: number }[];
}

const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
const mov = (reg: number, imm: number): Insn => makeInsn(0xb7, reg, 0, 0, imm);
const copy = (to: number, from: number): Insn => makeInsn(0xbf, to, from, 0, 0);
const helper = (id: number): Insn => makeInsn(0x85, 0, 0, 0, id);
const fp = (reg: number, off: number): Insn[] => [copy(reg, 10), makeInsn(0x07, reg, 0, 0, off)];
const mapPointer = (reg: number, map: number): Insn[] => [makeInsn(0x18, reg, 5, 0, map), makeInsn(0, 0, 0, 0, 0)];
const exit = (value: number): Insn[] => [mov(0, value), makeInsn(0x95, 0, 0, 0, 0)];

const PLACES = [-16, -24, -32, -48, -64];
const SAVED = [6, 7, 8];

/** Steps of one function; what the maker believes to be where. */
class Body {
  /** Steps; a number is a jump over that many of the following. */
  readonly steps: (Insn[] | { readonly skip: number; readonly reg: number })[] = [];
  readonly places = new Map<number, 'local' | 'ring' | 'packet'>();
  readonly slices = new Map<number, number>();
  readonly r: Random;
  readonly call: (name: string) => Insn;
  readonly type: string;
  /** Register or stack offset of the dynptr that the function was given. */
  readonly given: boolean;
  uses = { callback: false, round: false, global: false, static: false };

  constructor(r: Random, type: string, call: (name: string) => Insn, given: boolean) {
    this.r = r;
    this.type = type;
    this.call = call;
    this.given = given;
  }

  add(...insns: Insn[]): void {
    this.steps.push(insns);
  }

  pick<T>(list: readonly T[]): T {
    return pick(this.r, list);
  }

  /** A register is made to point to a dynptr, mostly one that is there. */
  dynptr(reg: number, only?: string): Insn[] {
    if (this.given && this.r() < 0.5) return [copy(reg, 9)];
    const there = [...this.places].filter(([, kind]) => only === undefined || kind === only).map(([place]) => place);
    const place = there.length > 0 && this.r() < 0.97 ? this.pick(there) : this.pick([...PLACES, -8, -20, -40, 0]);
    return fp(reg, place);
  }

  size(reg: number): Insn[] {
    const kind = this.r();
    if (kind < 0.92) return [mov(reg, this.pick([8, 8, 16, 1, 0]))];
    if (kind < 0.94) return [mov(reg, this.pick([64, 65, 4096, -1]))];
    if (kind < 0.96) return [copy(reg, this.pick(SAVED))];
    return [copy(reg, this.pick(SAVED)), makeInsn(0x57, reg, 0, 0, this.pick([7, 15, 63]))];
  }

  free(): number {
    const used = (place: number): boolean => [-8, 0, 8].some((by) => this.places.has(place + by));
    const free = PLACES.filter((place) => !used(place));
    return free.length > 0 && this.r() < 0.92 ? this.pick(free) : this.pick(PLACES);
  }

  private taken(place: number, kind: 'local' | 'ring' | 'packet'): void {
    this.places.delete(place - 8);
    this.places.delete(place + 8);
    this.places.set(place, kind);
  }

  private save(size: number): Insn[] {
    const reg = this.pick(SAVED);
    this.slices.set(reg, size);
    const out = [copy(reg, 0)];
    if (this.r() < 0.8) out.push(makeInsn(0x55, reg, 0, 2, 0), mov(reg, 0), makeInsn(0x05, 0, 0, 0, 0));
    return out;
  }

  local(): void {
    const place = this.free();
    const from = this.r() < 0.98 ? [makeInsn(0x18, 1, 6, 0, ARRAY), makeInsn(0, 0, 0, 0, this.pick([0, 0, 8, 32]))] : fp(1, -64); // prettier-ignore
    this.add(...from, mov(2, this.pick([8, 16, 0, 8, 16, 16, 64])), mov(3, 0), ...fp(4, place), helper(197));
    this.taken(place, 'local');
  }

  ring(): void {
    const place = this.free();
    const map = this.r() < 0.97 ? RING : ARRAY;
    this.add(...mapPointer(1, map), mov(2, this.pick([8, 16, 64])), mov(3, 0), ...fp(4, place), helper(198));
    this.taken(place, 'ring');
  }

  packet(): void {
    const place = this.free();
    const meta = this.r() < (this.type === 'sched_cls' ? 0.4 : 0.02);
    const name =
      this.type === 'xdp' ? 'bpf_dynptr_from_xdp' : meta ? 'bpf_dynptr_from_skb_meta' : 'bpf_dynptr_from_skb';
    this.add(this.r() < 0.97 ? copy(1, 9) : copy(1, 10), mov(2, 0), ...fp(3, place), this.call(name));
    this.taken(place, 'packet');
  }

  release(): void {
    const rings = [...this.places].filter(([, kind]) => kind === 'ring').map(([place]) => place);
    if (rings.length === 0 && !this.given && this.r() < 0.95) return this.ring();
    const place = rings.length > 0 && this.r() < 0.97 ? this.pick(rings) : this.pick(PLACES);
    this.add(...(this.given && this.r() < 0.5 ? [copy(1, 9)] : fp(1, place)), mov(2, 0), helper(this.pick([199, 200])));
    if (this.r() < 0.97) this.places.delete(place);
  }

  read(): void {
    const dst = this.r() < 0.9 ? fp(1, this.pick([-80, -96, -72, -20])) : [copy(1, this.pick(SAVED))];
    this.add(...dst, ...this.size(2), ...this.dynptr(3), mov(4, this.pick([0, 4])), mov(5, 0), helper(201));
  }

  write(): void {
    const src = this.r() < 0.9 ? fp(3, this.pick([-80, -96, -20])) : [copy(3, this.pick(SAVED))];
    this.add(...this.dynptr(1), mov(2, this.pick([0, 4])), ...src, ...this.size(4), mov(5, 0), helper(202));
  }

  data(): void {
    const size = this.pick([8, 8, 16, 0]);
    const sized = this.r() < 0.95 ? [mov(3, size)] : this.size(3);
    this.add(...this.dynptr(1), mov(2, this.pick([0, 4])), ...sized, helper(203), ...this.save(size));
  }

  slice(): void {
    const size = this.pick([8, 8, 16, 0]);
    const buffer = this.r() < 0.4 ? [mov(3, 0)] : this.r() < 0.8 ? fp(3, this.pick([-80, -96, -20, -8])) : [copy(3, this.pick([...SAVED, 9]))]; // prettier-ignore
    const sized = this.r() < 0.93 ? [mov(4, size)] : this.size(4);
    const name = this.pick(['bpf_dynptr_slice', 'bpf_dynptr_slice', 'bpf_dynptr_slice_rdwr']);
    this.add(...this.dynptr(1), mov(2, 0), ...buffer, ...sized, this.call(name), ...this.save(size));
  }

  kfunc(): void {
    const scalar = (reg: number): Insn => (this.r() < 0.97 ? mov(reg, this.pick([0, 1, 8])) : copy(reg, 10));
    switch (Math.floor(this.r() * 7)) {
      case 0:
        return this.add(...this.dynptr(1), this.call(this.pick(['bpf_dynptr_is_null', 'bpf_dynptr_is_rdonly', 'bpf_dynptr_size'])), copy(this.pick(SAVED), 0)); // prettier-ignore
      case 1:
        return this.add(...this.dynptr(1), scalar(2), scalar(3), this.call('bpf_dynptr_adjust'));
      case 2: {
        const place = this.free();
        const from = this.dynptr(1);
        this.add(...from, ...fp(2, place), this.call('bpf_dynptr_clone'));
        this.taken(place, this.places.get(from[1]?.imm ?? 0) ?? 'local');
        return;
      }
      case 3:
        return this.add(...this.dynptr(1), scalar(2), ...this.dynptr(3), scalar(4), scalar(5), this.call('bpf_dynptr_copy')); // prettier-ignore
      case 4:
        return this.add(...this.dynptr(1), scalar(2), scalar(3), scalar(4), this.call('bpf_dynptr_memset'));
      case 5:
        return this.add(...this.dynptr(1), scalar(2), scalar(3), copy(4, 10), this.call(this.pick(['bpf_probe_read_kernel_dynptr', 'bpf_probe_read_user_str_dynptr', ...(this.type === 'syscall' || this.r() < 0.05 ? ['bpf_copy_from_user_dynptr'] : [])]))); // prettier-ignore
      default:
        return this.add(scalar(1), this.call('bpf_rcu_read_lock'), this.call('bpf_rcu_read_unlock'));
    }
  }

  /** Something is done to the bytes of the stack, near dynptrs or in them. */
  touch(): void {
    const off = this.r() < 0.15 ? this.pick([-8, -16, -24, -32, -40, -48, -56, -64, -12, -20, -33]) : this.pick([-80, -88, -96, -72]); // prettier-ignore
    const width = this.pick([0, 0x18, 0x18, 0x10]);
    switch (Math.floor(this.r() * 6)) {
      case 0:
        return this.add(makeInsn(0x62 | width, 10, 0, off, this.pick([0, 1])));
      case 1:
        return this.add(makeInsn(0x63 | width, 10, this.pick(SAVED), off, 0));
      case 2:
        return this.add(makeInsn(0x61 | width, this.pick(SAVED), 10, off, 0));
      case 3:
        return this.add(copy(0, this.pick(SAVED)), makeInsn(0x57, 0, 0, 0, 7), copy(2, 10), makeInsn(0x0f, 2, 0, 0, 0), makeInsn(0x72, 2, 0, this.pick([-40, -80, -96]), 1)); // prettier-ignore
      case 4:
        return this.add(makeInsn(0x7b, 10, this.pick(SAVED), this.pick([-80, -88, -96]), 0));
      default:
        return this.add(makeInsn(0x79, this.pick(SAVED), 10, this.pick([-80, -88, -96]), 0));
    }
  }

  useSlice(): void {
    const known = [...this.slices];
    const [reg, size] = known.length > 0 && this.r() < 0.95 ? this.pick(known) : [this.pick(SAVED), 8];
    if (known.length === 0 && this.r() < 0.9) return this.data();
    const off = this.r() < 0.9 ? 0 : size;
    const access = this.r() < 0.5 ? makeInsn(this.pick([0x61, 0x71, 0x79]), 0, reg, off, 0) : makeInsn(this.pick([0x72, 0x62]), reg, 0, off, 1); // prettier-ignore
    const guard = this.r() < 0.9 ? [makeInsn(0x15, reg, 0, 1, 0)] : [];
    if (this.r() < 0.15) guard.unshift(makeInsn(0x07, reg, 0, 0, this.pick([0, 1, 4])));
    this.add(...guard, access);
  }

  /** Slices, or copies of dynptr pointers, are moved. */
  move(): void {
    const to = this.pick(SAVED);
    const from = this.pick(SAVED);
    this.add(copy(to, from));
    const size = this.slices.get(from);
    if (size !== undefined) this.slices.set(to, size);
  }

  changePacket(): void {
    if (this.type === 'xdp') {
      const change = this.pick([helper(44), this.call('bpf_xdp_pull_data')]);
      return this.add(copy(1, 9), mov(2, 0), change);
    }
    const id = this.pick(
      ['sched_cls', 'sk_skb'].includes(this.type) ? [39, 38, 26] : this.type === 'lwt_xmit' ? [39, 26] : [26],
    );
    if (id === 26) this.add(copy(1, 9), mov(2, 0), ...fp(3, this.pick([-80, -24])), mov(4, 8), helper(26));
    else this.add(copy(1, 9), mov(2, 8), mov(3, 0), helper(id));
  }

  drain(): void {
    this.uses.callback = true;
    const context = this.r() < 0.6 ? fp(3, this.pick([-80, -16, -64])) : [mov(3, 0)];
    const map = this.r() < 0.97 ? USER : RING;
    this.add(...mapPointer(1, map), makeInsn(0x18, 2, 4, 0, 0), makeInsn(0, 0, 0, 0, 0), ...context, mov(4, 0), helper(209)); // prettier-ignore
  }

  /** bpf_loop, with a dynptr as what the callback gets. */
  rounds(): void {
    this.uses.round = true;
    const times = this.pick([1, 2, 50]);
    this.add(mov(1, times), makeInsn(0x18, 2, 4, 1, 0), makeInsn(0, 0, 0, 0, 0), ...this.dynptr(3), mov(4, 0), helper(181)); // prettier-ignore
  }

  subprogram(): void {
    const global = this.r() < 0.5;
    if (global) this.uses.global = true;
    else this.uses.static = true;
    this.add(...this.dynptr(1), makeInsn(0x85, 0, 1, global ? 1 : 2, 0));
  }

  branch(): void {
    const unknown = this.r() < 0.6;
    const reg = unknown ? 0 : this.pick(SAVED);
    if (unknown) this.add(helper(7));
    this.steps.push({ skip: 1 + Math.floor(this.r() * 3), reg });
  }

  step(): void {
    if (this.places.size === 0 && !this.given && this.r() < 0.85) return this.r() < 0.6 ? this.local() : this.ring();
    const packets = !['kprobe', 'syscall', 'tracepoint'].includes(this.type);
    const kind = Math.floor(this.r() * 27);
    if (kind < 3) this.local();
    else if (kind < 5) this.ring();
    else if (kind < 8) (packets || this.r() < 0.05 ? this.packet : this.local).call(this);
    else if (kind < 10) this.release();
    else if (kind === 10) this.read();
    else if (kind === 11) this.write();
    else if (kind < 14) this.data();
    else if (kind < 16) this.slice();
    else if (kind < 18) this.kfunc();
    else if (kind < 20) this.touch();
    else if (kind < 22) this.useSlice();
    else if (kind === 22) this.move();
    else if (kind === 23) (packets ? this.changePacket : this.touch).call(this);
    else if (kind === 24) this.branch();
    else if (this.given) this.read();
    else this.pick([this.drain, this.subprogram, this.rounds]).call(this);
  }

  /** What must be given back is, mostly. */
  finish(): void {
    for (const [place, kind] of this.places) {
      if (kind === 'ring' && this.r() < 0.96) this.add(...fp(1, place), mov(2, 0), helper(199));
    }
  }

  code(end: readonly Insn[]): Insn[] {
    const lengths = this.steps.map((step) => (Array.isArray(step) ? step.length : 1));
    const insns: Insn[] = [];
    this.steps.forEach((step, i) => {
      if (Array.isArray(step)) {
        insns.push(...step);
        return;
      }
      const over = lengths.slice(i + 1, i + 1 + step.skip).reduce((sum, n) => sum + n, 0);
      insns.push(makeInsn(pick(this.r, [0x15, 0x55, 0x25]), step.reg, 0, over, pick(this.r, [0, 1, 8])));
    });
    return [...insns, ...end];
  }
}

/** Wraps part of a body into a loop of a few rounds, sometimes. */
function looped(r: Random, insns: Insn[]): Insn[] {
  const rounds = pick(r, [2, 3, 40]);
  const body = [...insns];
  const head = [makeInsn(0x7a, 10, 0, -104, 0)];
  const tail = [
    makeInsn(0x79, 0, 10, -104, 0),
    makeInsn(0x07, 0, 0, 0, 1),
    makeInsn(0x7b, 10, 0, -104, 0),
    makeInsn(0xa5, 0, 0, 0, rounds),
  ];
  const jump = -(body.length + tail.length);
  tail[3] = makeInsn(0xa5, 0, 0, jump, rounds);
  return [...head, ...body, ...tail];
}

/**
 * A program.
 *
 * @param call - makes the call of a kernel function
 */
export function dynptrProgram(r: Random, type: string, call: (name: string) => Insn): DynptrProgram {
  const main = new Body(r, type, call, false);
  // r9 is what has the packet.
  const packet = type === 'tracing' ? makeInsn(0x79, 9, 1, 0, 0) : type === 'netfilter' ? makeInsn(0x79, 9, 1, 8, 0) : copy(9, 1); // prettier-ignore
  const before: Insn[] = [packet, ...SAVED.map((reg) => mov(reg, 0))];
  for (const off of [-72, -80, -88, -96]) if (r() < 0.8) before.push(makeInsn(0x7a, 10, 0, off, 0));
  const steps = 2 + Math.floor(r() * 9);
  for (let i = 0; i < steps; i++) main.step();
  if (r() < 0.95) main.finish();
  const inner = main.code([]);
  const body = r() < 0.12 ? looped(r, inner) : inner;
  const insns = [...before, ...body, ...exit(0)];
  const functions = [{ insn: 0, type: MAIN }];
  const starts = new Map<number, number>();
  const append = (id: number, end: readonly Insn[]): void => {
    const start = insns.length;
    starts.set(id, start);
    functions.push({ insn: start, type: id });
    const sub = new Body(r, type, call, true);
    insns.push(copy(9, id === ROUND ? 2 : 1), ...SAVED.map((reg) => mov(reg, 0)));
    for (const off of [-80, -88, -96]) insns.push(makeInsn(0x7a, 10, 0, off, 0));
    const count = Math.floor(r() * 4);
    for (let i = 0; i < count; i++) sub.step();
    if (r() < 0.95) sub.finish();
    insns.push(...sub.code(end));
  };
  if (main.uses.callback) append(CALLBACK, r() < 0.9 ? exit(pick(r, [0, 1])) : exit(2));
  if (main.uses.round) append(ROUND, r() < 0.9 ? exit(pick(r, [0, 1])) : exit(2));
  if (main.uses.global) append(GLOBAL, exit(0));
  if (main.uses.static) append(STATIC, exit(0));
  for (let i = 0; i < insns.length; i++) {
    const { opcode, src_reg: src, offset } = insns[i]!;
    if (opcode === 0x18 && src === 4) {
      insns[i] = makeInsn(0x18, 2, 4, 0, starts.get(offset === 1 ? ROUND : CALLBACK)! - i - 1);
    }
    if (opcode === 0x85 && src === 1) {
      insns[i] = makeInsn(0x85, 0, 1, 0, starts.get(offset === 1 ? GLOBAL : STATIC)! - i - 1);
    }
  }
  return { insns, functions };
}
