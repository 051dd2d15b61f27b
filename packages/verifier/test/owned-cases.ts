/** Programs that own objects, with what Linux 6.18.44 says of them; the native test asks it again. */
import { type Insn, makeInsn } from '@polybpf/isa';
import { FUNCTIONS, OBJECTS } from './owned-types.ts';
import { EXIT, type Row } from './program.ts';

/** A slot, or the name of the kernel function that is called. */
type Step = Row | string;

/** A program of one function, or of several by the insns that they begin at. */
export interface OwnedCase {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Insn and type of each function behind the first; `main` is the type of that. */
  readonly functions?: readonly (readonly [insn: number, type: number])[];
  readonly main?: number;
  readonly type?: string;
  readonly errno: number;
  readonly message: string;
}

/** Slots of a case, with kernel functions by id. */
export function slotsOf({ steps }: OwnedCase, kfuncId: (name: string) => number): Insn[] {
  return steps.map((step) => {
    if (typeof step === 'string') return makeInsn(0x85, 0, 2, 0, kfuncId(step));
    const [opcode, dst = 0, src = 0, offset = 0, imm = 0] = step;
    return makeInsn(opcode, dst, src, offset, imm);
  });
}

const EINVAL = 22;
const EACCES = 13;
const RETURN: readonly Step[] = [[0xb7, 0], EXIT];
const LOCK: Row = [0x85, 0, 0, 0, 93];
const UNLOCK: Row = [0x85, 0, 0, 0, 94];
const XCHG: Row = [0x85, 0, 0, 0, 194];
const GRAPH = 0;
const KPTRS = 2;

/** A new object in a register, if there was memory for it. */
function create(type: number, reg: number, make = 'bpf_obj_new_impl'): Step[] {
  return [[0xb7, 1, 0, 0, type], [0xb7, 2], make, [0x55, 0, 0, 2], ...RETURN, [0xbf, reg, 0]];
}

const drop = (reg: number, name = 'bpf_obj_drop_impl'): Step[] => [[0xbf, 1, reg], [0xb7, 2], name];
const value = (map: number, reg: number): Step[] => [[0x18, reg, 6, 0, map], [0]];
const at = (reg: number, from: number, off: number): Step[] => [
  [0xbf, reg, from],
  [0x07, reg, 0, 0, off],
];
/** A section with the lock of the value in r7. */
const locked = (...steps: Step[]): Step[] => [...value(GRAPH, 7), [0xbf, 1, 7], LOCK, ...steps, [0xbf, 1, 7], UNLOCK];
const push = (list: number, object: number, node: number): Step[] => [...at(1, 7, list), ...at(2, object, node), [0xb7, 3], [0xb7, 4], 'bpf_list_push_back_impl']; // prettier-ignore

/** All cases. */
export const OWNED_CASES: readonly OwnedCase[] = [
  {
    name: 'an object is given back',
    steps: [...create(OBJECTS.plain.id, 6), [0x7a, 6, 0, 0, 5], ...drop(6), ...RETURN],
    errno: 0,
    message: '',
  },
  {
    name: 'an object is lost',
    steps: [...create(OBJECTS.plain.id, 6), ...RETURN],
    errno: EINVAL,
    message: 'BPF_EXIT instruction in main prog would lead to reference leak',
  },
  {
    name: 'an object is read after it was given back',
    steps: [...create(OBJECTS.plain.id, 6), ...drop(6), [0x79, 0, 6, 0], ...RETURN],
    errno: EACCES,
    message: "R6 invalid mem access 'scalar'",
  },
  {
    name: 'a node is written to',
    steps: [...create(OBJECTS.lnode.id, 6), [0x7a, 6, 0, 8, 5], ...drop(6), ...RETURN],
    errno: EACCES,
    message: 'direct access to bpf_list_node is disallowed',
  },
  {
    name: 'a type that is no struct',
    steps: [[0xb7, 1, 0, 0, FUNCTIONS.less], [0xb7, 2], 'bpf_obj_new_impl', ...RETURN],
    errno: EINVAL,
    message: 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct',
  },
  {
    name: 'a per-CPU object with a list node',
    steps: [[0xb7, 1, 0, 0, OBJECTS.lnode.id], [0xb7, 2], 'bpf_percpu_obj_new_impl', ...RETURN],
    errno: EINVAL,
    message: 'bpf_percpu_obj_new type ID argument must not contain special fields',
  },
  {
    name: 'a per-CPU object is given back as one',
    steps: [...create(OBJECTS.counters.id, 6, 'bpf_percpu_obj_new_impl'), ...drop(6, 'bpf_percpu_obj_drop_impl'), ...RETURN], // prettier-ignore
    errno: 0,
    message: '',
  },
  {
    name: 'a per-CPU object is given back as another',
    steps: [...create(OBJECTS.counters.id, 6, 'bpf_percpu_obj_new_impl'), ...drop(6), ...RETURN],
    errno: EINVAL,
    message: 'arg#0 expected for bpf_percpu_obj_drop_impl()',
  },
  {
    name: 'a list takes an object, which may be read for as long as it is locked',
    steps: [...create(OBJECTS.lnode.id, 6), ...locked(...push(8, 6, 8), [0x79, 0, 6, 0]), ...RETURN],
    errno: 0,
    message: '',
  },
  {
    name: 'an object of a list is read without the lock',
    steps: [...create(OBJECTS.lnode.id, 6), ...locked(...push(8, 6, 8)), [0x79, 0, 6, 0], ...RETURN],
    errno: EACCES,
    message: "R6 invalid mem access 'scalar'",
  },
  {
    name: 'an object is put into a list twice',
    steps: [...create(OBJECTS.lnode.id, 6), ...locked(...push(8, 6, 8), ...push(8, 6, 8)), ...RETURN],
    errno: EINVAL,
    message: 'arg#1 expected pointer to allocated object',
  },
  {
    name: 'a list takes objects of another type',
    steps: [...create(OBJECTS.rnode.id, 6), ...locked(...push(8, 6, 16)), ...RETURN],
    errno: EINVAL,
    message: 'operation on bpf_list_head expects arg#1 bpf_list_node at offset=8 in struct lnode, but arg is at offset=16 in struct rnode', // prettier-ignore
  },
  {
    name: 'a list takes the other node of an object',
    steps: [...create(OBJECTS.two.id, 6), ...locked(...push(72, 6, 0)), ...RETURN],
    errno: EINVAL,
    message: 'arg#1 offset=0, but expected bpf_list_node at offset=24 in struct two',
  },
  {
    name: 'a list without its lock',
    steps: [...create(OBJECTS.lnode.id, 6), ...value(GRAPH, 7), ...push(8, 6, 8), ...RETURN],
    errno: EINVAL,
    message: 'bpf_spin_lock at off=0 must be held for bpf_list_head',
  },
  {
    name: 'what a list gives is owned',
    steps: [...locked(...at(1, 7, 8), 'bpf_list_pop_front', [0xbf, 6, 0]), ...RETURN],
    errno: EINVAL,
    message: 'BPF_EXIT instruction in main prog would lead to reference leak',
  },
  {
    name: 'what a list gives may be null',
    steps: [...locked(...at(1, 7, 8), 'bpf_list_pop_front', [0x79, 6, 0, -8]), ...RETURN],
    errno: EACCES,
    message: "R0 invalid mem access 'ptr_or_null_'",
  },
  {
    name: 'another reference to an object that is owned is not null',
    steps: [...create(OBJECTS.rnode.id, 6), ...drop(6, 'bpf_refcount_acquire_impl'), [0xbf, 7, 0], ...drop(6), ...drop(7), ...RETURN], // prettier-ignore
    errno: 0,
    message: '',
  },
  {
    name: 'another reference to an object that does not count them',
    steps: [...create(OBJECTS.lnode.id, 6), ...drop(6, 'bpf_refcount_acquire_impl'), ...RETURN],
    errno: EINVAL,
    message: "arg#0 doesn't point to a type with bpf_refcount field",
  },
  {
    name: 'a field of a map value takes an object and gives what it had',
    steps: [...create(OBJECTS.plain.id, 6), ...value(KPTRS, 7), ...at(1, 7, 16), [0xbf, 2, 6], XCHG, [0x15, 0, 0, 3], ...drop(0), ...RETURN], // prettier-ignore
    errno: 0,
    message: '',
  },
  {
    name: 'what a field gave is lost',
    steps: [...value(KPTRS, 7), ...at(1, 7, 16), [0xb7, 2], XCHG, ...RETURN],
    errno: EINVAL,
    message: 'BPF_EXIT instruction in main prog would lead to reference leak',
  },
  {
    name: 'a field takes an object of another type',
    steps: [...create(OBJECTS.lnode.id, 6), ...value(KPTRS, 7), ...at(1, 7, 16), [0xbf, 2, 6], XCHG, ...RETURN],
    errno: EACCES,
    message: 'invalid kptr access, R2 type=ptr_lnode expected=ptr_plain',
  },
  {
    name: 'half of a kptr is loaded',
    steps: [...value(KPTRS, 7), [0x61, 0, 7, 16], ...RETURN],
    errno: EACCES,
    message: 'kptr access size must be BPF_DW',
  },
  {
    name: 'a kptr that is owned is written to',
    steps: [...value(KPTRS, 7), [0x7a, 7, 0, 16, 0], ...RETURN],
    errno: EACCES,
    message: 'store to referenced kptr disallowed',
  },
  {
    name: 'an object is written to through a kptr of a sleepable program',
    type: 'syscall',
    steps: [...value(KPTRS, 7), [0x79, 6, 7, 16], [0x15, 6, 0, 1], [0x7a, 6, 0, 0, 1], ...RETURN],
    errno: EACCES,
    message: 'only read is supported',
  },
  {
    name: 'an exception ends the program with its value',
    steps: [[0x79, 1, 1, 0], ...RETURN.slice(2), [0xb7, 1, 0, 0, 7], 'bpf_throw', ...RETURN],
    type: 'syscall',
    errno: 0,
    message: '',
  },
  {
    name: 'an exception loses an object',
    steps: [...create(OBJECTS.plain.id, 6), [0xb7, 1], 'bpf_throw', ...RETURN],
    errno: EINVAL,
    message: 'bpf_throw would lead to reference leak',
  },
  {
    name: 'an exception ends a program with a value that it may not return',
    type: 'cgroup_skb',
    steps: [[0xb7, 1, 0, 0, 7], 'bpf_throw', ...RETURN],
    errno: EINVAL,
    message: 'At program exit the register R1 has smin=7 smax=7 should have been in [0, 1]',
  },
  {
    name: 'a callback of exceptions takes one number',
    main: FUNCTIONS.badlyHandled,
    steps: [[0xb7, 1], 'bpf_throw', ...RETURN, ...RETURN],
    functions: [[4, FUNCTIONS.badHandler]],
    errno: EINVAL,
    message: 'exception cb only supports single integer argument',
  },
  {
    name: 'a callback of exceptions makes the result',
    main: FUNCTIONS.handled,
    steps: [[0xb7, 1, 0, 0, 99], 'bpf_throw', ...RETURN, [0xb7, 0, 0, 0, 1], EXIT],
    functions: [[4, FUNCTIONS.handler]],
    type: 'cgroup_skb',
    errno: 0,
    message: '',
  },
];
