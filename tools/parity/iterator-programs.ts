/** Programs with open-coded iterators of all kinds. */
import { call, EXIT, goto, hasFunction, idOf, insn, jump, move, mutate, type Piece, pick, set, stackAt, type RunOptions, type Trial } from './kernel-calls.ts'; // prettier-ignore
import type { Random } from './random-programs.ts';

/** Slots and arguments of an iterator; what it gives. */
const KINDS = ['num', 'bits', 'task', 'css', 'css_task', 'task_vma', 'dmabuf', 'kmem_cache'].filter((kind) => hasFunction(`bpf_iter_${kind}_new`)); // prettier-ignore
const SLOTS: Readonly<Record<string, number>> = { num: 1, bits: 2, task: 3, css: 3, css_task: 1, task_vma: 1, dmabuf: 1, kmem_cache: 1 }; // prettier-ignore
const PROTECTED = new Set(['task', 'css', 'task_vma', 'css_task']);
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  task: ['bpf_task_acquire', 'bpf_task_release', 'bpf_get_task_exe_file'],
  css: ['css_rstat_updated', 'bpf_cgroup_acquire'],
  css_task: ['bpf_task_acquire', 'bpf_task_release'],
};

const PLACES = [
  { type: 'tracing', attachType: 'BPF_TRACE_RAW_TP', attachBtfName: 'sched_wakeup', attachBtfId: idOf('TYPEDEF', 'btf_trace_sched_wakeup') }, // prettier-ignore
  { type: 'tracing', attachType: 'BPF_TRACE_ITER', attachBtfName: 'task', attachBtfId: idOf('FUNC', 'bpf_iter_task') },
  { type: 'tracing', attachType: 'BPF_TRACE_ITER', attachBtfName: 'cgroup', attachBtfId: idOf('FUNC', 'bpf_iter_cgroup') }, // prettier-ignore
  { type: 'tracing', attachType: 'BPF_TRACE_ITER', attachBtfName: 'task', attachBtfId: idOf('FUNC', 'bpf_iter_task'), flags: 16 }, // prettier-ignore
  { type: 'syscall', flags: 16 },
  { type: 'kprobe', flags: 0 },
  { type: 'xdp' },
] as const;

/** An object into r7: a task or a cgroup, however it can be had here. */
function object(r: Random, place: (typeof PLACES)[number], kind: string): Piece[][] {
  const name = 'attachBtfName' in place ? place.attachBtfName : '';
  const fits =
    name === 'sched_wakeup' || name === 'task' ? kind !== 'css' : name === 'cgroup' && kind.startsWith('css');
  if (fits && r() < 0.7) {
    const off = name === 'sched_wakeup' ? 0 : 8;
    const test = r() < 0.85 && off === 8 ? [jump(0x15, 7, 0, 'out')] : [];
    return [[insn(0x79, 7, 6, off, 0), ...test]];
  }
  if (r() < 0.1) return [[set(7, 0)]];
  if (r() < 0.1) return [[move(7, 6)]];
  const from = kind.startsWith('css') ? 'bpf_cgroup_from_id' : r() < 0.3 ? '' : 'bpf_task_from_pid';
  if (from === '') return [[insn(0x85, 0, 0, 0, 158), move(7, 0)]];
  const release = from === 'bpf_cgroup_from_id' ? 'bpf_cgroup_release' : 'bpf_task_release';
  const held: Piece[] = [move(1, 7), call(release)];
  if (r() < 0.3) return [[set(1, 1), call(from), jump(0x15, 0, 0, 'out'), move(7, 0), move(9, 0)], held];
  return [[set(1, 1), call(from), jump(0x15, 0, 0, 'out'), move(7, 0), insn(0x7b, 10, 7, -8, 0)]];
}

/** One program. */
export function iteratorProgram(r: Random): Trial {
  const kind = pick(r, KINDS);
  const place = r() < 0.9 ? pick(r, PLACES.slice(0, 5)) : pick(r, PLACES);
  const base = -8 * (SLOTS[kind]! + 2);
  const at = (): Piece[] => stackAt(1, base + (r() < 0.03 ? pick(r, [8, -8, 4]) : 0));
  const rcu = r() < (PROTECTED.has(kind) ? 0.7 : 0.2);
  const groups: Piece[][] = [[move(6, 1)]];
  const [get, held] = ['num', 'bits', 'dmabuf', 'kmem_cache'].includes(kind) ? [] : object(r, place, kind);
  if (get !== undefined) groups.push(get);
  if (rcu) groups.push([call('bpf_rcu_read_lock')]);
  const flags = (): Piece => set(3, r() < 0.9 ? pick(r, [0, 1, 2]) : -1);
  groups.push([
    ...at(),
    ...(get === undefined ? [set(2, 0)] : [r() < 0.06 ? set(2, 0) : move(2, 7)]),
    kind === 'num' || kind === 'bits' ? set(3, pick(r, [0, 1, 5])) : flags(),
    call(`bpf_iter_${kind}_new`),
  ]);
  if (r() < 0.3) groups.push([move(8, 0)]);
  groups.push(['loop'], [...at(), call(`bpf_iter_${kind}_next`)]);
  groups.push([jump(r() < 0.999 ? 0x15 : 0x55, 0, 0, 'done')]);
  for (let n = Math.floor(r() * 4); n > 0; n--) groups.push(body(r, kind));
  groups.push([goto('loop')], ['done'], [...at(), call(`bpf_iter_${kind}_destroy`)]);
  if (r() < 0.2) groups.push([insn(0x61, 1, 8, 0, 0)]);
  if (rcu) groups.push([call('bpf_rcu_read_unlock')]);
  if (held !== undefined) groups.push(held);
  else if (groups[1]?.some((p) => typeof p !== 'string' && !('insn' in p) && p.offset === -8 && p.opcode === 0x7b)) {
    groups.push([insn(0x79, 1, 10, -8, 0), call(kind.startsWith('css') ? 'bpf_cgroup_release' : 'bpf_task_release')]);
  }
  groups.push(['out'], [...EXIT]);
  return { ...place, pieces: mutate(r, groups, 0.25) };
}

function body(r: Random, kind: string): Piece[] {
  switch (Math.floor(r() * 8)) {
    case 0: return [insn(0x61 | pick(r, [0, 0x18]), 1, 0, pick(r, [0, 8, 16, 64, 1000]), 0)];
    case 1: return [move(8, 0)];
    case 2: return [insn(0x7b, 10, 0, -8, 0)];
    case 3: return [move(1, 0), call(pick(r, OTHERS[kind] ?? ['bpf_task_acquire']))];
    case 4: return [call(pick(r, ['bpf_rcu_read_unlock', 'bpf_rcu_read_lock', 'bpf_preempt_disable']))];
    case 5: return [insn(0x85, 0, 0, 0, pick(r, [5, 8]))];
    case 6: return [call('bpf_rcu_read_unlock'), call('bpf_rcu_read_lock')];
    default: return [insn(0x07, pick(r, [8, 9]), 0, 0, 1)];
  } // prettier-ignore
}

/** What all of them share. */
export const ITERATORS: RunOptions = { title: `iterators ${KINDS.join(' ')}` };
