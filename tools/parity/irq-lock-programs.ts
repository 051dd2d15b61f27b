/** Programs with IRQ sections, resilient locks, work queues and task work. */
import { encodeBtf, type BtfType } from '../../packages/btf/src/index.ts';
import { addressOf, call, callLocal, EXIT, goto, idOf, insn, jump, loadMap, loadValue, move, mutate, type Piece, pick, set, stackAt, type RunOptions, type Trial } from './kernel-calls.ts'; // prettier-ignore
import type { Random } from './random-programs.ts';

/** Types of the maps and functions, numbered by their place. */
const list: BtfType[] = [];
const add = (type: Record<string, unknown>): number =>
  list.push({ id: list.length + 1, ...type } as unknown as BtfType);
const int = add({ kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 });
const long = add({ kind: 'INT', name: 'long', size: 8, encoding: 1, bitOffset: 0, bits: 64 });
const opaque = (name: string, size: number, words: number): number => {
  const element = words === 8 ? long : int;
  const index = add({ kind: 'ARRAY', name: '', type: element, indexType: int, nelems: size / words });
  return add({ kind: 'STRUCT', name, size, members: [{ name: 'opaque', type: index, bitOffset: 0, bitfieldSize: 0 }] });
};
const struct = (name: string, size: number, ...members: [string, number, number][]): number =>
  add({ kind: 'STRUCT', name, size, members: members.map(([member, type, at]) => ({ name: member, type, bitOffset: at * 8, bitfieldSize: 0 })) }); // prettier-ignore
const resLock = struct('bpf_res_spin_lock', 4, ['val', int, 0]);
const lock = struct('bpf_spin_lock', 4, ['val', int, 0]);
const queue = opaque('bpf_wq', 16, 8);
const work = opaque('bpf_task_work', 8, 8);
const timer = opaque('bpf_timer', 16, 8);
const withRes = struct('with_res', 24, ['a', long, 0], ['lock', resLock, 8], ['b', long, 16]);
const withLock = struct('with_lock', 16, ['a', long, 0], ['lock', lock, 8], ['b', int, 12]);
const withQueue = struct('with_wq', 32, ['a', long, 0], ['wq', queue, 8], ['b', long, 24]);
const withWork = struct('with_work', 24, ['a', long, 0], ['tw', work, 8], ['b', long, 16]);
const withTimer = struct('with_timer', 24, ['a', long, 0], ['t', timer, 8]);
const plain = struct('plain', 16, ['a', long, 0], ['b', long, 8]);
const proto = add({ kind: 'FUNC_PROTO', name: '', returnType: int, params: [] });
const main = add({ kind: 'FUNC', name: 'main', type: proto, linkage: 1 });
const sub = add({ kind: 'FUNC', name: 'sub', type: proto, linkage: 0 });
const outer = add({ kind: 'FUNC', name: 'outer', type: proto, linkage: 1 });
const btf = encodeBtf({ endian: 'little', types: [{ kind: 'VOID', id: 0, name: '' } as unknown as BtfType, ...list] });

const mapOf = (type: number, value: number, size: number, maxEntries = 1): { type: number; keySize: number; valueSize: number; maxEntries: number; btf: Uint8Array; btfKeyTypeId: number; btfValueTypeId: number } =>
  ({ type, keySize: 4, valueSize: size, maxEntries, btf, btfKeyTypeId: int, btfValueTypeId: value }); // prettier-ignore
const MAPS = [
  mapOf(2, withRes, 24, 2), // 0
  mapOf(1, withRes, 24, 4), // 1
  mapOf(2, withLock, 16, 2), // 2
  mapOf(2, withQueue, 32, 2), // 3
  mapOf(1, withQueue, 32, 2), // 4
  mapOf(2, withWork, 24, 2), // 5
  mapOf(2, plain, 16, 2), // 6
  { type: 2, keySize: 4, valueSize: 16, maxEntries: 2 }, // 7
  mapOf(2, withRes, 24, 1), // 8: its value by address
  { type: 12, keySize: 4, valueSize: 4, maxEntries: 1, inner: mapOf(1, withQueue, 32, 2) }, // 9
  mapOf(1, withTimer, 24, 2), // 10
];

const lookup = (map: number, to: number): Piece[] => [
  insn(0x62, 10, 0, -4, map % 2),
  ...loadMap(1, map),
  ...stackAt(2, -4),
  insn(0x85, 0, 0, 0, 1),
  jump(0x15, 0, 0, 'out'),
  move(to, 0),
];

const SLOT = [-16, -24, -32];
/** A section or lock with something inside; errors in the order of ends come from mutation. */
function section(r: Random, depth: number, inside: Piece[][]): Piece[][] {
  const slot = pick(r, SLOT) + (r() < 0.01 ? 4 : 0);
  const off = r() < 0.97 ? 8 : pick(r, [0, 16, 4]);
  const reg = pick(r, [6, 7, 8]);
  const place = (): Piece[] => [move(1, reg), insn(0x07, 1, 0, 0, off)];
  const flags = (to: number): Piece[] =>
    r() < 0.01 ? [move(to, reg)] : stackAt(to, r() < 0.97 ? slot : pick(r, SLOT));
  const failed = `f${Math.floor(r() * 1e9)}`;
  const test = (): Piece[] => (r() < 0.93 ? [jump(0x55, 0, 0, failed)] : r() < 0.5 ? [jump(0xc5, 0, 0, failed)] : []);
  const end = depth === 0 ? failed : '';
  const label: Piece[][] = end === '' ? [[goto(`j${failed}`)], [failed, goto('out')], [`j${failed}`]] : [[failed]];
  switch (Math.floor(r() * 5)) {
    case 0: return [[...flags(1), call('bpf_local_irq_save')], ...inside, [...flags(1), call(r() < 0.97 ? 'bpf_local_irq_restore' : 'bpf_local_irq_save')]];
    case 1: return [[...place(), call('bpf_res_spin_lock'), ...test()], ...inside, [...place(), call('bpf_res_spin_unlock')], ...label];
    case 2: return [[...place(), ...flags(2), call('bpf_res_spin_lock_irqsave'), ...test()], ...inside, [...place(), ...flags(2), call(r() < 0.95 ? 'bpf_res_spin_unlock_irqrestore' : 'bpf_res_spin_unlock')], ...label];
    case 3: return [[call('bpf_preempt_disable')], ...inside, [call('bpf_preempt_enable')]];
    default: return [[call('bpf_rcu_read_lock')], ...inside, [call('bpf_rcu_read_unlock')]];
  } // prettier-ignore
}

function inside(r: Random): Piece[] {
  switch (Math.floor(r() * 16)) {
    case 12: return [set(1, pick(r, [0, 1, 3, 100])), ...addressOf(2, pick(r, ['sub', 'sub', 'outer'])), set(3, 0), set(4, 0), insn(0x85, 0, 0, 0, 181)];
    case 13: return [...loadMap(1, pick(r, [0, 6, 7])), ...addressOf(2, 'sub'), set(3, 0), set(4, 0), insn(0x85, 0, 0, 0, 164)];
    case 14: return [...stackAt(1, -40), set(2, 0), set(3, 3), call('bpf_iter_num_new'), 'again', ...stackAt(1, -40), call('bpf_iter_num_next'), jump(0x15, 0, 0, 'over'), insn(0x07, 9, 0, 0, 1), goto('again'), 'over', ...stackAt(1, -40), call('bpf_iter_num_destroy')];
    case 15: return [insn(0x85, 0, 0, 0, 35), move(1, 0), call('bpf_task_acquire'), jump(0x15, 0, 0, 'out'), move(1, 0), call('bpf_task_release')];
    case 0: return [insn(0x85, 0, 0, 0, pick(r, [5, 8, 7]))];
    case 1: return [callLocal('sub')];
    case 2: return [callLocal('outer')];
    case 3: return [set(1, 1), call('bpf_task_from_pid'), jump(0x15, 0, 0, 'out'), move(1, 0), call('bpf_task_release')];
    case 4: return [...stackAt(1, -48), set(2, 8), set(3, 0), insn(0x85, 0, 0, 0, 148)];
    case 5: return [insn(0x61, 0, 10, pick(r, SLOT), 0)];
    case 6: return [insn(0x7a, 10, 0, pick(r, SLOT), 0)];
    case 7: return [insn(0x79, 0, pick(r, [6, 7, 8]), pick(r, [0, 8, 16]), 0)];
    case 8: return [...loadMap(2, 0), insn(0x85, 0, 0, 0, 7), jump(0x15, 0, 0, 'out')];
    case 9: return [...EXIT];
    case 10: return [...stackAt(1, -40), call('bpf_iter_kmem_cache_new'), ...stackAt(1, -40), call('bpf_iter_kmem_cache_destroy')];
    default: return [insn(0x07, 9, 0, 0, 1)];
  } // prettier-ignore
}

function sections(r: Random): Piece[][] {
  const maps = [0, 1, 0, 1, 0, 6, 2, 7];
  const groups: Piece[][] = [[set(9, 0)]];
  for (const reg of [6, 7, 8]) {
    if (r() < 0.15) groups.push([...loadValue(reg, 8)]);
    else groups.push(lookup(r() < 0.85 ? pick(r, [0, 1]) : pick(r, maps), reg));
  }
  let body: Piece[][] = r() < 0.6 ? [inside(r)] : [];
  for (let depth = 1 + Math.floor(r() * 3); depth > 0; depth--) body = section(r, depth - 1, body);
  groups.push(...body);
  if (r() < 0.3) groups.push(...section(r, 0, r() < 0.4 ? [inside(r)] : []));
  return groups;
}

/** Work queues and task work: init, callback, start, in any order with any map. */
function works(r: Random): Piece[][] {
  const groups: Piece[][] = [[set(9, 0)]];
  const map = pick(r, [3, 4, 3, 4, 5, 5, 6, 7, 10]);
  groups.push(r() < 0.1 ? [...lookup(9, 8), insn(0x62, 10, 0, -4, 1), move(1, 8), ...stackAt(2, -4), insn(0x85, 0, 0, 0, 1), jump(0x15, 0, 0, 'out'), move(6, 0)] : lookup(map, 6)); // prettier-ignore
  const field = (to: number): Piece[] => r() < 0.03 ? stackAt(to, -16) : [move(to, 6), insn(0x07, to, 0, 0, r() < 0.96 ? 8 : pick(r, [0, 16]))]; // prettier-ignore
  // Linux 6.18 looks into the record of fields of the map without asking whether there is one: only maps with fields here.
  const fields = [3, 4, 5, 10];
  const whole = (to: number): Piece[] => {
    if (r() < 0.9) return loadMap(to, fields.includes(map) && r() < 0.9 ? map : pick(r, fields));
    return r() < 0.4 ? [set(to, 0)] : [move(to, 8)];
  };
  const callback = (to: number): Piece[] =>
    r() < 0.95 ? addressOf(to, pick(r, ['sub', 'sub', 'sub', 'outer'])) : [move(to, 6)];
  groups.push([move(8, 6)]);
  const task = map === 5 ? r() < 0.95 : r() < 0.05;
  for (let n = 1 + Math.floor(r() * 3); n > 0; n--) {
    if (task) {
      const schedule = call(pick(r, ['bpf_task_work_schedule_signal_impl', 'bpf_task_work_schedule_resume_impl']));
      const current: Piece[] = r() < 0.95 ? [insn(0x85, 0, 0, 0, 158), move(1, 0)] : [move(1, 6)];
      groups.push([...current, ...field(2), ...whole(3), ...callback(4), set(5, 0), schedule]);
      continue;
    }
    const step = Math.floor(r() * 4);
    if (step === 0) groups.push([...field(1), ...whole(2), set(3, 0), call('bpf_wq_init')]);
    else if (step === 1)
      groups.push([...field(1), ...callback(2), set(3, 0), set(4, 0), call('bpf_wq_set_callback_impl')]);
    else if (step === 2) groups.push([...field(1), set(2, 0), call('bpf_wq_start')]);
    else groups.push([insn(0x79, 0, 6, pick(r, [0, 8, 16, 24]), 0)]);
  }
  return groups;
}

function subBody(r: Random): Piece[] {
  const before: Piece[] = [];
  switch (Math.floor(r() * 8)) {
    case 0: before.push(...stackAt(1, -8), call('bpf_local_irq_save')); if (r() < 0.7) before.push(...stackAt(1, -8), call('bpf_local_irq_restore')); break;
    case 1: before.push(call(pick(r, ['bpf_preempt_disable', 'bpf_rcu_read_lock']))); if (r() < 0.5) before.push(call(pick(r, ['bpf_preempt_enable', 'bpf_rcu_read_unlock']))); break;
    case 2: before.push(...stackAt(1, -8), set(2, 8), set(3, 0), insn(0x85, 0, 0, 0, 148)); break;
    case 3: before.push(insn(0x79, 0, 3, pick(r, [0, 8, 16]), 0)); break;
    default:
  } // prettier-ignore
  return [...before, set(0, r() < 0.9 ? 0 : 1), insn(0x95, 0, 0, 0, 0)];
}

const PLACES = [
  { type: 'sched_cls' },
  { type: 'syscall', flags: 16 },
  { type: 'syscall', flags: 16 },
  { type: 'xdp' },
  { type: 'cgroup_skb' },
  { type: 'tracing', attachType: 'BPF_TRACE_RAW_TP', attachBtfName: 'sched_wakeup', attachBtfId: idOf('TYPEDEF', 'btf_trace_sched_wakeup') }, // prettier-ignore
  { type: 'kprobe' },
] as const;

/** One program. */
export function irqLockProgram(r: Random): Trial {
  const groups = r() < 0.7 ? sections(r) : works(r);
  groups.push(['out'], [...EXIT]);
  const pieces = ['main', ...mutate(r, groups, 0.3), 'sub', ...subBody(r), 'outer', ...subBody(r)];
  const used = (label: string): boolean => pieces.some((p) => typeof p !== 'string' && 'insn' in p && p.to === label && (p.insn.opcode === 0x85 || p.insn.opcode === 0x18)); // prettier-ignore
  const cut = pieces.filter((_, i) => {
    const label = pieces.slice(0, i + 1).filter((p) => p === 'main' || p === 'sub' || p === 'outer').at(-1) as string; // prettier-ignore
    return label === 'main' || used(label);
  });
  const functions = ([['main', main], ['sub', sub], ['outer', outer]] as const).filter(([label]) => label === 'main' || used(label)); // prettier-ignore
  return { ...(r() < 0.9 ? pick(r, PLACES.slice(0, 5)) : pick(r, PLACES)), pieces: cut, functions };
}

/** What all of them share. */
export const IRQ_LOCKS: RunOptions = { title: 'IRQ sections, locks and work', maps: MAPS, btf };
