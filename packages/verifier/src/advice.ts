/** What a refusal means and what to do about it in C, by the kernel's message. */
import { codeOfText } from './codes.ts';

/** What is known of a kind of refusal. */
export interface Advice {
  /** Stable code, as in a report. */
  readonly code: string;
  /** Family of rules, e.g. `Memory bounds`. */
  readonly category: string;
  readonly title: string;
  /** The message in words. */
  readonly reason: string;
  /** What the rule wants. */
  readonly required: string;
  /** What to change in the C source. */
  readonly suggestion: string;
  /** Register that it is about; undefined when it is about none. */
  readonly register: number | undefined;
}

interface Rule {
  readonly pattern: RegExp;
  readonly category: string;
  readonly title: string;
  readonly reason: string;
  readonly required: string;
  readonly suggestion: string;
}

/** `$1` to `$9` stand for the groups of the pattern, `$R` for the register. */
const RULES: readonly Rule[] = [
  {
    pattern: /^R(\d+) !read_ok$/,
    category: 'Register type safety',
    title: 'Unreadable register',
    reason: 'R$1 has no value on this path: it was never written, or a call has clobbered it.',
    required: 'a register that was written on every path to this instruction',
    suggestion:
      'Initialise the variable where it is declared, or on each path to this line. A value that is needed after a call must not be left in an argument: keep it in a local variable of its own.',
  },
  {
    pattern: /^R(\d+) invalid mem access '(.*)_or_null_?'/,
    category: 'Pointer validity',
    title: 'Pointer that may be null',
    reason: 'R$1 may be null here ($2_or_null), and is used as an address.',
    required: 'a pointer that was compared with null on this path',
    suggestion:
      'Test the pointer right after the call that returned it: `if (!p) return 0;`. Test the very variable that is used afterwards, not a copy that the compiler reloads.',
  },
  {
    pattern: /^R(\d+) invalid mem access 'scalar'/,
    category: 'Pointer validity',
    title: 'Number used as an address',
    reason: 'R$1 is a plain number for the verifier, and is used as an address.',
    required: 'a pointer with a known origin',
    suggestion:
      'A pointer loses its origin when it is stored as an integer, computed with bitwise operations or read from memory without type. For kernel memory use bpf_probe_read_kernel() or BPF_CORE_READ(); for data of a packet reload data and data_end and compare them.',
  },
  {
    pattern: /^R(\d+) invalid mem access '(.*)'/,
    category: 'Pointer validity',
    title: 'Pointer that may not be dereferenced',
    reason: 'R$1 is of type $2, which cannot be read or written through.',
    required: 'a pointer to memory that programs of this type may access',
    suggestion: 'Use the helper or kernel function that reads this kind of object instead of dereferencing it.',
  },
  {
    pattern:
      /invalid access to packet, off=(-?\d+) size=(\d+), R(\d+)\(id=\d+,off=-?\d+,r=(-?\d+)\)|^R(\d+) offset is outside of the packet/,
    category: 'Memory bounds',
    title: 'Packet access without a proof',
    reason: 'Nothing on this path proves that the packet is long enough for the access through R$R.',
    required: 'a comparison of the end of the access with data_end on this path',
    suggestion:
      'Before the access write `if ((void *)(p + 1) > data_end) return ...;` with the same pointer p that is used afterwards. Helpers that change the packet invalidate earlier comparisons: reload data and data_end after them. Bound a variable length (`len &= 0xff`) before it is added.',
  },
  {
    pattern: /irq (?:state|flag)|IRQ-disabled|irq_save-ed/,
    category: 'Sections',
    title: 'Interrupts stay off, or are switched in the wrong order',
    reason: 'The flags of a section with interrupts disabled are not used as they must be.',
    required:
      'bpf_local_irq_restore() of the innermost section with its own flags, before what may sleep and before the end',
    suggestion:
      'Keep the flags in a local variable of their own, written by bpf_local_irq_save() only, and restore them on every path, innermost first. Flags of bpf_res_spin_lock_irqsave() belong to its unlock.',
  },
  {
    pattern: /RCU (?:CS|critical section)/,
    category: 'Sections',
    title: 'Outside of an RCU section',
    reason: 'What the function gives is only kept while RCU is read-locked.',
    required: 'bpf_rcu_read_lock() around the iterator and all of its uses; programs that cannot sleep have it anyway',
    suggestion:
      'Call bpf_rcu_read_lock() before the iterator is made and bpf_rcu_read_unlock() after it is destroyed. What must live longer is acquired inside.',
  },
  {
    pattern: /iter_\w+ as arg|iterator on stack|css_task_iter|^iter has to be/,
    category: 'Iterators',
    title: 'Iterator that is not there, or there already',
    reason: 'The iterator on the stack is not in the state that the call needs.',
    required: 'new once, then next, then destroy once on every path, with the same variable',
    suggestion:
      'Use bpf_for() or bpf_for_each(), which make and destroy the iterator, also where the loop is left early.',
  },
  {
    pattern: /AA deadlock|unlock cannot be out of order|unlock of different lock|unlock without taking a lock/,
    category: 'Locks',
    title: 'Lock that is not the innermost one',
    reason: 'Locks are taken once and released in the opposite order, through the same value.',
    required: 'the unlock of the lock that was taken last',
    suggestion:
      'Keep the pointer to the value in a local variable from lock to unlock. For bpf_res_spin_lock() test the result: the lock is only held when it is 0.',
  },
  {
    pattern: /addr_space_cast|\barena\b/,
    category: 'Arenas',
    title: 'Pointer into an arena',
    reason: 'The arena, or a pointer into it, is not used as it must be.',
    required: 'one arena that the program refers to, with an address, and pointers of the address space 1',
    suggestion:
      'Declare pointers `__arena`, so that the compiler casts them, and give the map `map_extra` or map it before loading. Use the map in the program, e.g. in bpf_arena_alloc_pages().',
  },
  {
    pattern: /^attach to (?:invalid|unsupported) member|not a supported struct|^struct ops programs/,
    category: 'Attaching',
    title: 'Member that no program can be for',
    reason: 'The struct or its member does not take programs.',
    required: 'a member that is a function, of a struct that the kernel registers for struct_ops',
    suggestion:
      'Look at the struct in the BTF of the kernel, and at the name in the section: `SEC("struct_ops/MEMBER")`.',
  },
  {
    pattern: /^R(\d+) (max|min) value is outside of the (?:allowed memory range|array range)/,
    category: 'Memory bounds',
    title: 'Index outside of the object',
    reason: 'The $2imum of what R$1 may point to lies outside of the object.',
    required: 'an offset and size that fit into the object for every possible value',
    suggestion:
      'Compare the index with the size of the array before it is used (`if (i >= N) return 0;`), with an unsigned type, or mask it (`i &= N - 1`). If the compiler compares one register and uses another, put `asm volatile("" : "+r"(i))` between declaration and test, or use `barrier_var(i)`.',
  },
  {
    pattern: /^R(\d+) unbounded memory access/,
    category: 'Memory bounds',
    title: 'Unbounded offset or size',
    reason: 'R$1 has no upper bound that the verifier knows of.',
    required: 'an upper bound on this path',
    suggestion:
      'Bound the variable right before its use: `if (n > MAX) return 0;` or `n &= MAX - 1` with MAX a power of two. Use an unsigned type, so that one comparison is enough.',
  },
  {
    pattern: /^R(\d+) min value is negative/,
    category: 'Memory bounds',
    title: 'Offset or size that may be negative',
    reason: 'R$1 may be negative on this path.',
    required: 'a value that is at least 0',
    suggestion:
      'Make the variable unsigned, test `if (n < 0) return 0;` first, or mask it. The return value of a helper that may be an error must be tested before it is used as a length.',
  },
  {
    pattern: /^invalid access to (?:map value|map key|memory|memory region)/,
    category: 'Memory bounds',
    title: 'Access outside of the object',
    reason: 'The access does not fit into the memory that the pointer points to.',
    required: 'offset + size within the object',
    suggestion:
      'Compare the offset with the size of the object, and remember that a pointer to a map value covers one value only. Check that the struct in the program and the value size of the map are the same.',
  },
  {
    pattern:
      /^invalid (?:variable-offset )?(?:read from|write to) stack|^invalid (?:unbounded )?variable-offset|^invalid read from stack/,
    category: 'Stack',
    title: 'Stack access that is not allowed',
    reason: 'The bytes are outside of the 512 bytes of the stack, or were not written before they are read.',
    required: 'bytes within the frame that were written on every path to here',
    suggestion:
      'Initialise the whole variable, padding included: `struct key k = {};` or `__builtin_memset(&k, 0, sizeof(k))`. A variable index into an array on the stack needs a bound. Large objects belong into a map.',
  },
  {
    pattern: /combined stack size of (\d+) calls is (\d+)|^stack size of subprog/,
    category: 'Stack',
    title: 'Too much stack',
    reason: 'The functions of a call chain need more than 512 bytes of stack together.',
    required: 'at most 512 bytes over the whole chain',
    suggestion:
      'Move large local variables into a per-CPU array map, share buffers between functions, or split the chain with a tail call.',
  },
  {
    pattern: /the call stack of (\d+) frames is too deep/,
    category: 'Stack',
    title: 'Too many nested calls',
    reason: 'More than 8 functions call each other.',
    required: 'at most 8 frames',
    suggestion: 'Inline small functions (`static __always_inline`), or go on with a tail call.',
  },
  {
    pattern: /(?:corrupt spilled|register (?:spill|fill)|leaking pointer from stack|spilled ptr in range)/,
    category: 'Stack',
    title: 'Pointer on the stack that is not treated as a whole',
    reason: 'A pointer that was saved on the stack is read or written in part.',
    required: '8-byte accesses to saved pointers',
    suggestion:
      'Do not overlay a pointer with another member of a union, and do not copy structs with pointers byte by byte.',
  },
  {
    pattern: /^invalid bpf_context access off=(-?\d+) size=(\d+)/,
    category: 'Context',
    title: 'Field of the context that this program may not access',
    reason: 'Bytes $1 to $1+$2 of the context are no field that this program type may access this way.',
    required: 'a field of the context of this program type, with its size, and written only where that is allowed',
    suggestion:
      'Check the program type (section name) and the struct of the context. Read fields with their own type: the compiler may have merged or narrowed accesses, which `volatile` on the field prevents.',
  },
  {
    pattern: /^dereference of modified (\w+) ptr R(\d+) off=(-?\d+)|^variable ctx access|^negative offset ctx/,
    category: 'Context',
    title: 'Context pointer with an offset',
    reason: 'The pointer to the context was changed before it is dereferenced.',
    required: 'the unchanged pointer with a constant offset in the access',
    suggestion:
      'Access `ctx->field` directly. When the compiler keeps `&ctx->field` in a register across branches, read the field into a local variable once, or use __builtin_preserve_access_index.',
  },
  {
    pattern: /at the time of BPF_LD_ABS\|IND/,
    category: 'Context',
    title: 'Packet load without the context in R6',
    reason: 'The legacy packet loads take the context from R6, which is something else here.',
    required: 'the context in R6',
    suggestion: 'Use bpf_skb_load_bytes() or direct packet access, or keep the context in R6.',
  },
  {
    pattern: /^R(\d+) invalid (\S+) access off=(-?\d+) size=(\d+)/,
    category: 'Context',
    title: 'Field of a kernel object that programs may not access',
    reason: 'Bytes $3 to $3+$4 of $2 are no field that may be accessed this way.',
    required: 'a field of the object with its size',
    suggestion: 'Access fields of the uapi struct (struct bpf_sock, struct bpf_tcp_sock, ...) with their own type.',
  },
  {
    pattern: /^misaligned /,
    category: 'Alignment',
    title: 'Access that is not aligned',
    reason: 'The address is not a multiple of the size of the access.',
    required: 'an aligned address',
    suggestion:
      'Copy the bytes with __builtin_memcpy into an aligned variable, or read them in smaller pieces. Packed structs make the compiler do that itself.',
  },
  {
    pattern:
      /^R(\d+) (?:pointer arithmetic|pointer comparison|bitwise operator|32-bit pointer|subtraction from stack|tried to subtract|pointer [-+|&^*/%=]+ pointer)|^math between|^value -?\d+ makes|^R(\d+) (?:pointer|has pointer|partial copy|sign-extension)/,
    category: 'Pointer arithmetic',
    title: 'Arithmetic that a pointer does not allow',
    reason: 'The operation would make the pointer point to something the verifier cannot follow.',
    required: 'additions and subtractions of bounded numbers, on pointers that allow them',
    suggestion:
      'Keep pointers in pointer variables and add bounded, unsigned indices to them. Compute with numbers first, and add the result to the pointer once. Test pointers for null before arithmetic.',
  },
  {
    pattern: /leaks addr|pointer comparison prohibited/,
    category: 'Pointer leak',
    title: 'Kernel address that would become visible',
    reason: 'A pointer would get where user space can read it.',
    required: 'no pointer in maps, return values, or packets for loaders without CAP_PERFMON',
    suggestion: 'Store the value that the pointer points to, or a key, instead of the pointer.',
  },
  {
    pattern: /prohibited for !root|prohibited for unprivileged|mixed signed bounds|beyond pointer bounds|speculative/,
    category: 'Speculation',
    title: 'Not safe when a branch is mispredicted',
    reason: 'A loader without CAP_PERFMON is guarded against speculative execution, and this cannot be masked.',
    required: 'bounds of one sign and constant stack offsets',
    suggestion: 'Use unsigned indices with masks (`i & (N - 1)`), or load the program with CAP_PERFMON.',
  },
  {
    pattern:
      /^cannot use helper|^program of this type cannot use helper (\w+)#\d+|^invalid func (\S+)|helper .* not allowed|^func .* (?:not )?supported/,
    category: 'Helper',
    title: 'Helper that this program may not call',
    reason: 'The helper does not exist in this kernel, or programs of this type may not call it.',
    required: 'a helper of the kernel and program type',
    suggestion:
      'Look the helper up (`polybpf helpers NAME`): which kernels and program types have it. Guard newer helpers with `bpf_core_enum_value_exists(enum bpf_func_id, ...)`, and use another program type where it is missing.',
  },
  {
    pattern: /^calling kernel function (\S+) is not allowed|sleepable kfunc (\S+)/,
    category: 'Kernel function',
    title: 'Kernel function that this program may not call',
    reason: 'Programs of this type, or that may not sleep, cannot call the function.',
    required: 'a function of the set for this program type; a sleepable program for one that may sleep',
    suggestion: 'Use another program type or section (as `lsm.s/`, `syscall`), or a helper that does the same.',
  },
  {
    pattern:
      /kptr|non-owning|allocated (?:object|to)|bpf_(?:list|rb)_|must be held for|bpf_percpu_obj_new|bpf_refcount|direct access to|rbtree cb|in the same allocation/,
    category: 'Owned object',
    title: 'Object that is not owned as it is used',
    reason:
      'An object of the program, or a kptr, list or tree that owns one, is used in a way that its owner does not allow.',
    required:
      'an object has one owner: a register, a kptr, or a list or tree whose lock, in the same value, is held while it is used',
    suggestion:
      'Take objects out with bpf_kptr_xchg(), bpf_list_pop_front() or bpf_rbtree_remove(), hold the bpf_spin_lock beside the list or tree, pass the node that `contains:` names, and do not touch special fields directly.',
  },
  {
    pattern: /^bpf_throw kfunc|exception c/,
    category: 'Exception',
    title: 'Exception where none may be thrown, or a callback that does not fit',
    reason: 'Callbacks cannot throw, and the function that makes the result after an exception takes one number.',
    required: 'bpf_throw() outside of callbacks; `int callback(u64 cookie)` with global linkage',
    suggestion: 'Return a value from the callback and throw after it; give the exception callback one u64 argument.',
  },
  {
    pattern: /dynptr|^arg \d+ is an unacquired reference/,
    category: 'Dynptr',
    title: 'Dynptr that is not as the call wants it',
    reason: 'The call makes, reads or gives back a dynptr, and the stack there does not hold one of that kind.',
    required:
      'an untouched struct bpf_dynptr on the stack, made before it is used, given back once if it is of a ring buffer',
    suggestion:
      'Make it with bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr() or bpf_dynptr_from_skb() on this very path, do not copy or overwrite it, and submit or discard one of a ring buffer also when reserving has failed.',
  },
  {
    pattern:
      /^arg#\d+ (?:arg#|pointer type|expected|doesn't point|is .* expected)|^kernel function (\S+) args#|trusted arg\d|referenced or trusted|rcu pointer|isn't map pointer|^R\d+ is not a scalar|must be a known constant/,
    category: 'Kernel function',
    title: 'Argument that the kernel function does not take',
    reason:
      'The register does not hold what the prototype of the kernel function, its flags and the ends of its parameter names ask for.',
    required:
      'what the parameter is: a trusted object, memory of at least the size that follows, a constant, a string in .rodata',
    suggestion:
      'Take objects from trusted places (arguments of the program, functions that acquire) and test them for null; bound sizes with constants; keep strings in `static const char[]`.',
  },
  {
    pattern: /GPL-restricted/,
    category: 'Helper',
    title: 'Helper for GPL programs',
    reason: 'The helper is for programs whose licence is compatible with the GPL.',
    required: 'a GPL-compatible licence',
    suggestion: 'Declare `char LICENSE[] SEC("license") = "GPL";` if that is the licence of the program.',
  },
  {
    pattern: /might sleep|sleepable/i,
    category: 'Helper',
    title: 'Call that may sleep where it must not',
    reason: 'The call may sleep, and the program runs, or a section of it, where sleeping is not allowed.',
    required: 'a sleepable program, outside of RCU, IRQ, preemption and lock sections',
    suggestion:
      'Make the program sleepable (`SEC("fentry.s/...")`, `lsm.s`, ...), or move the call out of the section.',
  },
  {
    pattern: /^R(\d+) type=(\S+) expected=(.*)$/,
    category: 'Argument',
    title: 'Argument of the wrong type',
    reason: 'R$1 is $2, and the callee wants $3.',
    required: '$3',
    suggestion:
      'Pass the object that the function documents in this argument. A `_or_null` type wants a test for null first; `fp` is an address on the stack; `scalar` is a number.',
  },
  {
    pattern: /^R(\d+) (?:is not a known constant|is not a constant|doesn't point|must be|does not point)/,
    category: 'Argument',
    title: 'Argument that must be constant or of one kind',
    reason: 'The callee needs more to be known of R$1 than is.',
    required: 'what the message says',
    suggestion: 'Pass the constant directly, or branch over the possible values and call with each of them.',
  },
  {
    pattern: /invalid zero-sized read/,
    category: 'Argument',
    title: 'Size that may be 0',
    reason: 'The helper wants at least one byte, and the size may be 0.',
    required: 'a size that is at least 1',
    suggestion: 'Test for 0 first: `if (n == 0 || n > MAX) return 0;`, or use `n = (n & (MAX - 1)) + 1`.',
  },
  {
    pattern: /cannot pass map_type (\d+)|expected prog array map|map .* not (?:supported|allowed)|invalid map_ptr/,
    category: 'Map',
    title: 'Map that does not go with the call',
    reason: 'The helper does not take maps of this type.',
    required: 'a map of a type that the helper takes',
    suggestion: 'Check the type in the definition of the map, and which helper belongs to it.',
  },
  {
    pattern: /(read from|write into) map forbidden|write to change key|cannot write into (\w+)/,
    category: 'Map',
    title: 'Memory that may not be written or read',
    reason: 'The memory is read-only (or write-only) for programs.',
    required: 'an access that the flags of the map and the type of memory allow',
    suggestion:
      'Copy the value to the stack and change the copy, or drop BPF_F_RDONLY_PROG or BPF_F_WRONLY_PROG of the map. Constants (`const volatile`) are read-only after loading.',
  },
  {
    pattern:
      /^Unreleased reference|reference leak|reference has not been acquired|must be referenced|has not been released/,
    category: 'References',
    title: 'Object that is not given back',
    reason: 'An object with a reference is still held where it must have been given back.',
    required: 'one release on every path after the object was acquired',
    suggestion:
      'Release it before every return: bpf_sk_release(), bpf_ringbuf_submit() or bpf_ringbuf_discard(), bpf_kptr_xchg(), ... , in the branches for errors too.',
  },
  {
    pattern: /lock|IRQ-disabled|preempt/i,
    category: 'Critical section',
    title: 'Not allowed in this section',
    reason: 'Locks, RCU, IRQ and preemption sections limit what may be done inside, and must be left before the end.',
    required: 'short sections that are left on every path, with nothing inside that is not allowed there',
    suggestion:
      'Unlock before returns and calls, take one lock at a time, and use the lock of the value that is at hand.',
  },
  {
    pattern: /should have been in|is not a known value|At program exit|At subprogram exit|At callback return/,
    category: 'Return value',
    title: 'Return value outside of the allowed range',
    reason: 'The program may return a value that has no meaning for its type.',
    required: 'a return value within the range that the message gives',
    suggestion:
      'Return constants of the program type (`XDP_PASS`, `0`/`1`, a negative errno), or bound the variable before it is returned.',
  },
  {
    pattern: /^infinite loop detected/,
    category: 'Termination',
    title: 'Loop that does not end',
    reason: 'The loop came back to the same state: nothing that its condition depends on has changed.',
    required: 'a counter with a bound that changes in each round',
    suggestion:
      'Bound the loop with a constant (`for (i = 0; i < N; i++)`), or use bpf_loop(), bpf_for() or may_goto (`cond_break`).',
  },
  {
    pattern: /^back-edge from insn/,
    category: 'Termination',
    title: 'Loop',
    reason: 'Loops are not allowed for this loader.',
    required: 'code without back-edges',
    suggestion: 'Unroll the loop (`#pragma unroll`), or load with CAP_BPF on a kernel from 5.3 on.',
  },
  {
    pattern: /^BPF program is too large|^The sequence of (\d+) jumps/,
    category: 'Complexity',
    title: 'Too complex',
    reason: 'The verifier went through 1,000,000 instructions over all paths and was not done.',
    required: 'at most 1,000,000 processed instructions',
    suggestion:
      'Look where the steps went (`polybpf verify --annotate`): a loop whose state differs in each round, or branches before it. Move the body into a global function (verified once), use bpf_loop(), or make the differing variables equal before the loop.',
  },
  {
    pattern: /^unreachable insn/,
    category: 'Control flow',
    title: 'Unreachable instruction',
    reason: 'No path leads to the instruction.',
    required: 'code that is reachable',
    suggestion: 'Remove the code, or check hand-written assembly for a jump that is missing.',
  },
  {
    pattern:
      /jump out of range|last insn is not an exit|jump into the middle|invalid insn idx|call to invalid destination/,
    category: 'Control flow',
    title: 'Jump or end outside of the function',
    reason: 'Control would leave the function other than by exit.',
    required: 'jumps within the function, and an exit or jump at its end',
    suggestion:
      'End functions with a return, also after calls of noreturn functions. In assembly check the distances of jumps.',
  },
  {
    pattern: /^frame pointer is read only/,
    category: 'Register type safety',
    title: 'Write to the frame pointer',
    reason: 'R10 may not be written.',
    required: 'another destination',
    suggestion: 'Copy R10 to another register first.',
  },
  {
    pattern:
      /^R(\d+) is invalid|reserved fields|unknown opcode|invalid BPF_|invalid bpf_ld_imm64|unrecognized bpf_ld_imm64|invalid shift|div by zero|unknown insn class|invalid atomic/,
    category: 'Encoding',
    title: 'Instruction that does not exist',
    reason: 'The bytes are no instruction of this kernel.',
    required: 'an instruction of the kernel, with 0 in the fields it does not use',
    suggestion:
      'Compile for the CPU version that the kernel has (`-mcpu=v3`), and look at the bytes with `polybpf disasm`.',
  },
  {
    pattern: /func_info|arg#\d+|Arg#\d+|invalid args into func|BTF/,
    category: 'Function types',
    title: 'Type of a function or argument',
    reason: 'The BTF of the program and the code do not go together.',
    required: 'types that the verifier knows, and arguments that fit them',
    suggestion:
      'Make the function static, or give its arguments supported types: scalars, the context, pointers to sized memory with `__arg_nonnull`, `__arg_ctx`, `__arg_trusted`. Pass what the prototype says.',
  },
  {
    pattern: /^fd .* is not pointing to valid bpf_map|direct value|maps per program|struct_ops map/,
    category: 'Map',
    title: 'Map that cannot be used here',
    reason: 'The instruction refers to a map that is not there, or not in a way it allows.',
    required: 'a map of the program',
    suggestion: 'Create the maps before the program is loaded, and relocate the instruction to its file descriptor.',
  },
];

const OTHER: Rule = {
  pattern: /^/,
  category: 'Rule',
  title: 'Refused',
  reason: 'The verifier refused the program with this message.',
  required: 'what the message says',
  suggestion: 'Look at the registers at this instruction and at the steps that lead to it.',
};

/** What a message means. Unknown messages get a general answer, with the code `rejected`. */
export function adviseOn(message: string): Advice {
  const rule = RULES.find(({ pattern }) => pattern.test(message)) ?? OTHER;
  const groups = rule.pattern.exec(message) ?? [];
  const register = /\bR(\d+)\b/.exec(message)?.[1];
  const fill = (text: string): string =>
    text.replace(/\$([1-9R])/g, (_, key: string) => (key === 'R' ? (register ?? '?') : (groups[Number(key)] ?? '?')));
  return {
    code: codeOfText(message),
    category: rule.category,
    title: rule.title,
    reason: fill(rule.reason),
    required: fill(rule.required),
    suggestion: fill(rule.suggestion),
    register: register === undefined ? undefined : Number(register),
  };
}
