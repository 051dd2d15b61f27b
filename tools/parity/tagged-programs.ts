/** Programs whose functions take arguments of all types and tags: `arg:trusted`, `arg:untrusted`, `arg:nonnull` and so on. */
import { encodeBtf, type BtfType } from '../../packages/btf/src/index.ts';
import { call, callLocal, idOf, insn, jump, loadMap, move, type Piece, pick, type RunOptions, set, stackAt, type Trial } from './kernel-calls.ts'; // prettier-ignore
import { rng, type Random } from './random-programs.ts';

const list: BtfType[] = [];
const add = (type: Record<string, unknown>): number =>
  list.push({ id: list.length + 1, ...type } as unknown as BtfType);
const modifier = (kind: string, type: number, name = ''): number => add({ kind, name, type, attribute: false });
const int = add({ kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 });
const char = add({ kind: 'INT', name: 'char', size: 1, encoding: 1, bitOffset: 0, bits: 8 });
const long = add({ kind: 'INT', name: 'long', size: 8, encoding: 1, bitOffset: 0, bits: 64 });
const struct = (name: string, size: number): number =>
  add({ kind: 'STRUCT', name, size, members: Array.from({ length: size / 8 }, (_, i) => ({ name: `m${i}`, type: long, bitOffset: i * 64, bitfieldSize: 0 })) }); // prettier-ignore
const POINTEES = [
  int,
  char,
  long,
  0,
  modifier('CONST', int),
  modifier('CONST', 0),
  modifier('TYPEDEF', int, 'u32'),
  struct('task_struct', 0),
  struct('task_struct___mine', 8),
  // Linux remembers candidates by name without their kind: a forward declaration of a name that is a struct would spoil it.
  add({ kind: 'FWD', name: 'never_defined', union: false }),
  struct('file', 0),
  struct('sk_buff', 0),
  struct('__sk_buff', 8),
  struct('xdp_md', 8),
  struct('pt_regs', 8),
  struct('bpf_raw_tracepoint_args', 8),
  modifier('TYPEDEF', struct('user_pt_regs', 8), 'bpf_user_pt_regs_t'),
  struct('bpf_dynptr', 16),
  struct('mine', 16),
  struct('mine_big', 64),
  struct('no_such_thing', 8),
  add({ kind: 'UNION', name: 'bpf_attr', size: 0, members: [] }),
  add({ kind: 'PTR', name: '', type: int, attribute: false }),
  add({ kind: 'ARRAY', name: '', type: int, indexType: int, nelems: 4 }),
  add({ kind: 'FWD', name: 'unknown_thing', union: false }),
  add({ kind: 'ENUM', name: 'e', size: 4, signed: false, values: [] }),
];
const pointers = POINTEES.map((type) => add({ kind: 'PTR', name: '', type, attribute: false }));
const OTHERS = [int, long, modifier('TYPEDEF', int, 'mine_t'), POINTEES[18]!];
const TAGS = ['ctx', 'trusted', 'untrusted', 'nonnull', 'nullable', 'arena'];

interface Taken {
  readonly id: number;
  readonly args: number;
  /** Places in {@link POINTEES}; -1 for no pointer. */
  readonly kinds: readonly number[];
}

const noArguments = add({ kind: 'FUNC_PROTO', name: '', returnType: int, params: [] });
const main = add({ kind: 'FUNC', name: 'main', type: noArguments, linkage: 1 });
/** Many functions, so that all programs have the same BTF. */
const taken: Taken[] = (() => {
  const r = rng(4711);
  return Array.from({ length: 700 }, (_, n) => {
    const args = r() < 0.8 ? 1 : 1 + Math.floor(r() * 3);
    const kinds = Array.from({ length: args }, () => (r() < 0.9 ? Math.floor(r() * POINTEES.length) : -1));
    const params = kinds.map((kind, i) => ({ name: `a${i}`, type: kind < 0 ? pick(r, OTHERS) : pointers[kind]! }));
    const proto = add({ kind: 'FUNC_PROTO', name: '', returnType: r() < 0.96 ? int : 0, params });
    const id = add({ kind: 'FUNC', name: `f${n}`, type: proto, linkage: r() < 0.9 ? 1 : 0 });
    kinds.forEach((_kind, i) => {
      for (let tags = r() < 0.25 ? 0 : r() < 0.8 ? 1 : 2; tags > 0; tags--) {
        const name = r() < 0.98 ? pick(r, TAGS) : 'other';
        add({ kind: 'DECL_TAG', name: `arg:${name}`, type: id, componentIndex: i, attribute: false });
      }
    });
    return { id, args, kinds };
  });
})();
const btf = encodeBtf({ endian: 'little', types: [{ kind: 'VOID', id: 0, name: '' } as unknown as BtfType, ...list] });
const MAPS = [
  { type: 2, keySize: 4, valueSize: 64, maxEntries: 2 },
  { type: 33, keySize: 0, valueSize: 0, maxEntries: 2, flags: 0x400, mapExtra: 1n << 44n },
];

const PLACES = [
  { type: 'tracing', attachType: 'BPF_TRACE_RAW_TP', attachBtfName: 'sched_wakeup', attachBtfId: idOf('TYPEDEF', 'btf_trace_sched_wakeup') }, // prettier-ignore
  { type: 'tracing', attachType: 'BPF_TRACE_RAW_TP', attachBtfName: 'sched_wakeup', attachBtfId: idOf('TYPEDEF', 'btf_trace_sched_wakeup') }, // prettier-ignore
  { type: 'tracing', attachType: 'BPF_TRACE_ITER', attachBtfName: 'task', attachBtfId: idOf('FUNC', 'bpf_iter_task') },
  { type: 'kprobe' },
  { type: 'raw_tracepoint' },
  { type: 'tracepoint' },
  { type: 'perf_event' },
  { type: 'sched_cls' },
  { type: 'xdp' },
  { type: 'syscall', flags: 16 },
] as const;

/** Something into a register; r6 is the context, r7 a task, r8 a map value that may be null, r9 another task. */
function value(r: Random, to: number): Piece[] {
  switch (Math.floor(r() * 10)) {
    case 0: return [move(to, 6)];
    case 1: case 2: return [move(to, 7)];
    case 3: return [move(to, 8)];
    case 4: return [move(to, 9)];
    case 5: return [set(to, pick(r, [0, 0, 1]))];
    case 6: return [move(to, 7), insn(0x07, to, 0, 0, pick(r, [8, 16, -8]))];
    default: return stackAt(to, pick(r, [-8, -16, -64, -4]));
  } // prettier-ignore
}

function body(r: Random, { args }: Taken): Piece[] {
  const reg = 1 + Math.floor(r() * args);
  const size = pick(r, [0, 8, 0x10, 0x18]);
  const pieces: Piece[] = [];
  if (r() < 0.4) pieces.push(jump(0x15, reg, 0, 'back'));
  switch (Math.floor(r() * 7)) {
    case 0: case 1: pieces.push(insn(0x61 | size, 0, reg, pick(r, [0, 4, 8, 60, 64, 1000]), 0)); break;
    case 2: pieces.push(insn(0x62 | size, reg, 0, pick(r, [0, 8, 60]), 7)); break;
    case 3: pieces.push(...(reg === 1 ? [] : [move(1, reg)]), call(pick(r, ['bpf_task_acquire', 'bpf_task_release', 'bpf_get_task_exe_file']))); break;
    case 4: pieces.push(insn(0x07, reg, 0, 0, 8), insn(0x61 | size, 0, reg, 0, 0)); break;
    case 5: pieces.push(insn(0x79, 3, reg, pick(r, [0, 8, 1000, 2000]), 0), insn(0x61, 0, 3, 0, 0)); break;
    default:
  } // prettier-ignore
  return [...pieces, 'back', set(0, 0), insn(0x95, 0, 0, 0, 0)];
}

/** One program. */
export function taggedProgram(r: Random): Trial {
  const place = pick(r, PLACES);
  const traced = 'attachBtfName' in place ? place.attachBtfName : '';
  const fun = pick(r, taken);
  const pieces: Piece[] = ['main', move(6, 1)];
  for (const off of [-8, -16]) if (r() < 0.8) pieces.push(insn(0x7a, 10, 0, off, 0));
  pieces.push(insn(0x62, 10, 0, -20, 0), ...loadMap(1, 0), ...stackAt(2, -20), insn(0x85, 0, 0, 0, 1), move(8, 0));
  if (r() < 0.03) pieces.push(...loadMap(1, 1));
  if (traced !== '') pieces.push(insn(0x79, 7, 6, traced === 'task' ? 8 : 0, 0));
  else if (place.type !== 'sched_cls' && place.type !== 'xdp') pieces.push(insn(0x85, 0, 0, 0, 158), move(7, 0));
  else pieces.push(move(7, 8));
  if (r() < 0.3) pieces.push(jump(0x15, 7, 0, 'out'));
  if (r() < 0.5) pieces.push(jump(0x15, 8, 0, 'out'));
  pieces.push(move(9, 7));
  if (traced !== '' && r() < 0.3) pieces.push(insn(0x79, 9, 7, pick(r, [0, 8, 1200, 1208]), 0));
  for (let i = 1; i <= fun.args; i++) pieces.push(...value(r, i));
  pieces.push(callLocal('sub'), 'out', set(0, 0), insn(0x95, 0, 0, 0, 0), 'sub', ...body(r, fun));
  return { ...place, pieces, functions: [['main', main], ['sub', fun.id]] }; // prettier-ignore
}

/** What all of them share. */
export const TAGGED: RunOptions = { title: 'arguments with tags', maps: MAPS, btf };
