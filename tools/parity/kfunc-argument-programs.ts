/** Calls of kernel functions with arguments that are mostly what each parameter wants: memory with a size, strings, dynptrs. */
import { parseBtf } from '../../packages/btf/src/index.ts';
import { createRegistry, type KfuncInfo, profileByName } from '../../packages/helpers/src/index.ts';
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import type { Random } from './random-programs.ts';

// What other features are about.
const OTHERS = /^(bpf_(iter_|obj_|percpu_obj_|list_|rbtree_|refcount_|wq_|task_work_|throw|local_irq_|res_spin_|arena_|session_|xdp_metadata_)|__bpf_trap)/; // prettier-ignore
export const KFUNC_TYPES = ['syscall', 'tracing', 'xdp', 'sched_cls', 'kprobe', 'cgroup_skb', 'socket_filter', 'sk_skb', 'lwt_in'] as const; // prettier-ignore

const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
const mov = (reg: number, imm: number): Insn => makeInsn(0xb7, reg, 0, 0, imm);
const copy = (to: number, from: number): Insn => makeInsn(0xbf, to, from, 0, 0);
const fp = (reg: number, off: number): Insn[] => [copy(reg, 10), makeInsn(0x07, reg, 0, 0, off)];
const EXIT = [mov(0, 0), makeInsn(0x95, 0, 0, 0, 0)];

const TEXT = new Uint8Array(32);
TEXT.set(new TextEncoder().encode('user.name %d\0and more\0unended tail'.slice(0, 32)));
export const KFUNC_MAPS = [
  { type: 2, keySize: 4, valueSize: 64, maxEntries: 1, name: 'values' },
  { type: 1, keySize: 4, valueSize: 64, maxEntries: 4, name: 'hash' },
  { type: 2, keySize: 4, valueSize: 32, maxEntries: 1, name: 'text', flags: 0x80, frozen: TEXT },
];

const value = (reg: number, map: number, off: number): Insn[] => [makeInsn(0x18, reg, 6, 0, map), makeInsn(0, 0, 0, 0, off)]; // prettier-ignore

/** Memory: stack, values, a value that may be null, null, the context, a number. r8 is a looked-up value. */
function memory(r: Random, reg: number): Insn[] {
  const kind = r();
  if (kind < 0.45) return fp(reg, pick(r, [-96, -96, -128, -64, -8, -20]));
  if (kind < 0.65) return value(reg, 0, pick(r, [0, 0, 8, 60]));
  if (kind < 0.75) return [copy(reg, 8)];
  if (kind < 0.8) return [copy(reg, 8), makeInsn(0x07, reg, 0, 0, 4)];
  if (kind < 0.86) return [mov(reg, 0)];
  if (kind < 0.89) return [makeInsn(0x79, reg, 10, -112, 0)];
  if (kind < 0.92) return value(reg, 2, 0);
  if (kind < 0.93) return [copy(reg, 6)];
  if (kind < 0.95) return [makeInsn(0x79, reg, 10, -112, 0)];
  if (kind < 0.96) return [copy(reg, 7)];
  return [mov(reg, pick(r, [1, 64]))];
}

function size(r: Random, reg: number): Insn[] {
  const kind = r();
  if (kind < 0.75) return [mov(reg, pick(r, [0, 1, 4, 8, 12, 16, 36, 64]))];
  if (kind < 0.85) return [copy(reg, 9), makeInsn(0x57, reg, 0, 0, pick(r, [7, 31, 63]))];
  if (kind < 0.9) return [copy(reg, 9)];
  if (kind < 0.97) return [mov(reg, pick(r, [65, 4096, -1]))];
  return [copy(reg, 10)];
}

function argument(r: Random, reg: number, type: string, name: string): Insn[] {
  if (r() < 0.03) return memory(r, reg);
  if (name.endsWith('__sz') || name.endsWith('__szk')) return size(r, reg);
  if (name.endsWith('__str')) {
    const kind = r();
    if (kind < 0.75) return value(reg, 2, pick(r, [0, 0, 13, 25, 31]));
    if (kind < 0.85) return [...value(reg, 2, 0), copy(0, 9), makeInsn(0x57, 0, 0, 0, 7), makeInsn(0x0f, reg, 0, 0, 0)];
    return memory(r, reg);
  }
  if (name.endsWith('__nullable') && r() < 0.5) return [mov(reg, 0)];
  if (/bpf_dynptr/.test(type)) {
    if (name.endsWith('__uninit')) return fp(reg, pick(r, [-48, -48, -48, -32, -20]));
    return r() < 0.9 ? fp(reg, -32) : memory(r, reg);
  }
  if (/(__sk_buff|xdp_md|bpf_sock_addr|bpf_sock_ops)/.test(type)) return [copy(reg, r() < 0.9 ? 6 : 7)];
  if (/struct bpf_map/.test(type) && r() < 0.8) return [makeInsn(0x18, reg, 5, 0, pick(r, [0, 1])), makeInsn(0, 0, 0, 0, 0)]; // prettier-ignore
  if (/task_struct/.test(type)) return [copy(reg, r() < 0.9 ? 7 : 6)];
  if (/cpumask/.test(type)) return [makeInsn(0x79, reg, 10, -104, 0)];
  if (type.includes('*')) return memory(r, reg);
  return r() < 0.93 ? [mov(reg, pick(r, [0, 1, 8]))] : [copy(reg, pick(r, [6, 8, 9, 10]))];
}

/** What is known of the kernel's functions. */
interface Known {
  readonly kfuncs: readonly KfuncInfo[];
  allowed(type: string): readonly KfuncInfo[];
  call(name: string): Insn;
}

function knownOf(kernelBtf: Uint8Array, pattern: RegExp): Known {
  const { types } = parseBtf(kernelBtf);
  const ids = new Map(types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id]));
  const registry = createRegistry(profileByName('6.18'));
  const kfuncs = Object.values(registry.profile.kfuncs).filter(
    ({ available, flagsKnown, name, params }) =>
      available && flagsKnown && ids.has(name) && pattern.test(name) && !OTHERS.test(name) && params.length > 0,
  );
  const byType = new Map<string, readonly KfuncInfo[]>();
  return {
    kfuncs,
    allowed: (type) => {
      let list = byType.get(type);
      if (list === undefined) {
        const variant = registry.variant({ type, attachType: type === 'tracing' ? 'BPF_TRACE_RAW_TP' : null })!;
        list = kfuncs.filter((kfunc) => registry.kfuncAllowed(variant, kfunc));
        byType.set(type, list);
      }
      return list;
    },
    call: (name) => makeInsn(0x85, 0, 2, 0, ids.get(name)!),
  };
}

/** A generator of programs, for functions whose names match. */
export function kfuncPrograms(kernelBtf: Uint8Array, pattern = /./): (r: Random, type: string) => Insn[] {
  const known = knownOf(kernelBtf, pattern);
  return (r, type) => program(r, type, known);
}

function program(r: Random, type: string, known: Known): Insn[] {
  const { call, kfuncs } = known;
  const insns = [copy(6, 1), type === 'tracing' ? makeInsn(0x79, 7, 1, 0, 0) : copy(7, 1)];
  for (let off = -136; off < -48; off += 8) insns.push(makeInsn(0x7a, 10, 0, off, 0));
  insns.push(makeInsn(0x85, 0, 0, 0, 7), copy(9, 0));
  insns.push(makeInsn(0x18, 1, 5, 0, 1), makeInsn(0, 0, 0, 0, 0), ...fp(2, -136), makeInsn(0x85, 0, 0, 0, 1), copy(8, 0)); // prettier-ignore
  if (r() < 0.8) insns.push(makeInsn(0x55, 8, 0, 2, 0), ...EXIT);
  insns.push(...value(1, 0, 0), mov(2, 16), mov(3, 0), ...fp(4, -32), makeInsn(0x85, 0, 0, 0, 197));
  // A packet pointer with 16 bytes behind it is kept on the stack.
  if (['xdp', 'sched_cls', 'lwt_in'].includes(type) && r() < 0.5) {
    const at = type === 'xdp' ? 0 : 76;
    insns.push(makeInsn(0x61, 2, 6, at, 0), makeInsn(0x61, 3, 6, at + 4, 0), copy(4, 2), makeInsn(0x07, 4, 0, 0, 16));
    insns.push(makeInsn(0xbd, 4, 3, 2, 0), ...EXIT, makeInsn(0x7b, 10, 2, -112, 0));
  }
  const held: [number, string][] = [];
  if (r() < (['tracing', 'syscall'].includes(type) ? 0.5 : 0.01)) {
    insns.push(call('bpf_cpumask_create'), makeInsn(0x7b, 10, 0, -104, 0), makeInsn(0x55, 0, 0, 2, 0), ...EXIT);
    held.push([-104, 'bpf_cpumask_release']);
  }
  if (r() < 0.15 && type !== 'tracing') {
    insns.push(copy(1, 6), call('bpf_cast_to_kern_ctx'), copy(7, 0));
  }
  const calls = 1 + Math.floor(r() * 3);
  const usable = known.allowed(type);
  for (let i = 0; i < calls; i++) {
    const kfunc = pick(r, r() < 0.95 ? usable : kfuncs);
    kfunc.params.forEach((param, k) => insns.push(...argument(r, k + 1, param.type, param.name)));
    insns.push(call(kfunc.name));
    if (!kfunc.ret.includes('*')) continue;
    if (kfunc.flags.includes('RET_NULL') && r() < 0.9) insns.push(makeInsn(0x55, 0, 0, 2, 0), ...EXIT);
    if (r() < 0.4) insns.push(makeInsn(pick(r, [0x61, 0x79, 0x7a, 0x72]), 0, 0, pick(r, [0, 8, 16]), 0));
    const release = /nf_conn/.test(kfunc.ret) ? 'bpf_ct_release' : /crypto/.test(kfunc.ret) ? 'bpf_crypto_ctx_release' : undefined; // prettier-ignore
    const insert = /___init/.test(kfunc.ret) && r() < 0.7;
    if (release === undefined || !kfunc.flags.includes('ACQUIRE') || r() < 0.1) continue;
    insns.push(copy(1, 0));
    if (insert) insns.push(call('bpf_ct_insert_entry'), makeInsn(0x55, 0, 0, 2, 0), ...EXIT, copy(1, 0));
    insns.push(call(release));
  }
  for (const [off, release] of held) if (r() < 0.9) insns.push(makeInsn(0x79, 1, 10, off, 0), call(release));
  return [...insns, ...EXIT];
}
