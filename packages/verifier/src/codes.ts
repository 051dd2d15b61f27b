/** Stable codes of refusals, by what the message says. */
import { NotModelled, type Reject } from './reject.ts';

const CODES: readonly (readonly [RegExp, string])[] = [
  [/!read_ok$/, 'uninitialised-register'],
  [/^frame pointer is read only/, 'frame-pointer-write'],
  [/^R\d+ is invalid/, 'invalid-register'],
  [/reserved fields|invalid bpf_ld_imm64|unrecognized bpf_ld_imm64|unknown opcode|invalid BPF_/, 'malformed-insn'],
  [/^unreachable insn/, 'unreachable-insn'],
  [/jump out of range|last insn is not an exit|jump into the middle|back-edge/, 'control-flow'],
  [/^infinite loop detected/, 'infinite-loop'],
  [/^BPF program is too large|^The sequence of/, 'too-complex'],
  [/combined stack size|call stack of/, 'stack-too-deep'],
  [
    /invalid( variable-offset)? (read from|write to) stack|invalid read from stack|unbounded variable-offset/,
    'stack-access',
  ],
  [/register (spill|fill)|corrupt spilled/, 'stack-spill'],
  [/outside of the packet|into packet|access to packet/, 'packet-access'],
  [/allowed memory range|unbounded memory access|min value is negative/, 'memory-bounds'],
  [/^invalid bpf_context access|dereference of modified ctx|variable ctx access/, 'context-access'],
  [/^R\d+ invalid mem access/, 'invalid-pointer'],
  [/^misaligned/, 'misaligned'],
  [/forbidden/, 'map-permission'],
  [/^calling kernel function .* is not allowed|sleepable kfunc/, 'kfunc-not-allowed'],
  [/irq (state|flag)|IRQ-disabled|irq_save-ed/, 'irq-section'],
  [/RCU (CS|critical section)/, 'rcu-section'],
  [/iter_\w+ as arg|iterator on stack|css_task_iter|^iter has to be/, 'iterator'],
  [/addr_space_cast|\barena\b/, 'arena'],
  [/^attach to (invalid|unsupported) member|not a supported struct|^struct ops programs/, 'struct-member'],
  [/kptr|non-owning|allocated (object|to)|bpf_(list|rb)_|must be held for|bpf_percpu_obj_new|bpf_refcount|direct access to|rbtree cb|in the same allocation/, 'owned-object'], // prettier-ignore
  [/^bpf_throw kfunc|exception c/, 'exception'],
  [/dynptr|^arg \d+ is an unacquired reference/, 'dynptr'],
  [/^arg#?\d+ (arg#|pointer type|expected|doesn't point|is .* expected)|^kernel function .* args#|trusted arg\d|referenced or trusted|rcu pointer|isn't map pointer|is not a scalar|known constant/, 'kfunc-argument'], // prettier-ignore
  [/leaks addr|pointer comparison prohibited|partial copy/, 'pointer-leak'],
  [/pointer|math between|makes .* be out of bounds/, 'pointer-arithmetic'],
  [/cannot use helper|invalid func|GPL-restricted|might sleep/, 'helper-not-allowed'],
  [/expected=/, 'argument-type'],
  [/cannot pass map_type/, 'map-type'],
  [/reference/, 'reference-leak'],
  [/should have been in|leaks addr as return|not a known value/, 'return-value'],
  [/lock/, 'lock'],
];

/** Code of a refusal, or the feature that is missing. */
export function codeOf(reason: Reject | NotModelled): string {
  if (reason instanceof NotModelled) return reason.feature;
  return codeOfText(reason.text.slice(reason.text.lastIndexOf('\n') + 1));
}

/** Code of a message of the kernel; `rejected` for one that is not known. */
export function codeOfText(message: string): string {
  return CODES.find(([pattern]) => pattern.test(message))?.[1] ?? 'rejected';
}
