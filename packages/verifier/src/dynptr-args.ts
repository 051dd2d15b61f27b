/** Dynptrs as arguments of helpers, of kernel functions and of functions of the program (kernel: process_dynptr_func). */
import type { ArgumentKind, KindFlag } from '@polybpf/helpers';
import {
  beginDynptr,
  DYNPTR_LOCAL,
  DYNPTR_RINGBUF,
  DYNPTR_SKB,
  DYNPTR_XDP,
  dynptrKindName,
  dynptrRecord,
  dynptrSlot,
  isDynptrAt,
} from './dynptr-slots.ts';
import { type Env, reject } from './env.ts';
import { accessMemory } from './memory-access.ts';
import { EFAULT, EINVAL, passes } from './reject.ts';
import { W_AUX, W_REF, W_TYPE } from './register-record.ts';
import { CONST_PTR_TO_DYNPTR, PTR_TO_STACK } from './register-types.ts';
import { WRITE } from './stack-access.ts';
import { objectFrame } from './stack-objects.ts';
import { regAt, slotAt } from './state.ts';

/** What is done with a dynptr. */
export interface DynptrUse {
  /** The dynptr is made by the call. */
  readonly uninit: boolean;
  /** The dynptr itself stays as it is. */
  readonly readOnly: boolean;
  /** What it must point to; 0 for anything. */
  readonly kind: number;
  /** Reference of the dynptr that this one is a clone of. */
  readonly reference: number;
}

/** The slot that a register points to, or undefined when none can be there; says why not. */
function slotOrNone(env: Env, regno: number): number | undefined {
  let slot: number | undefined;
  passes(() => {
    slot = dynptrSlot(env, regno);
  }, env.noter);
  return slot;
}

/** Checks a dynptr argument, and makes the dynptr that a call makes. */
export function checkDynptr(env: Env, regno: number, use: DynptrUse): void {
  const type = env.frame.w[regAt(regno) + W_TYPE];
  const i = regno - 1;
  if (type !== PTR_TO_STACK && type !== CONST_PTR_TO_DYNPTR) {
    reject(EINVAL, `arg#${i} expected pointer to stack or const struct bpf_dynptr`);
  }
  if (use.uninit && use.readOnly) reject(EFAULT, 'verifier bug: misconfigured dynptr helper type flags');
  if (use.uninit) {
    if (type === CONST_PTR_TO_DYNPTR || slotOrNone(env, regno) === undefined) {
      reject(EINVAL, 'Dynptr has to be an uninitialized dynptr');
    }
    for (let off = 0; off < 16; off += 8) accessMemory(env, regno, off, 8, WRITE, -1, false, false);
    return beginDynptr(env, regno, use.kind, use.reference);
  }
  if (type === CONST_PTR_TO_DYNPTR && !use.readOnly) {
    reject(EINVAL, 'cannot pass pointer to const bpf_dynptr, the helper mutates it');
  }
  const slot = type === CONST_PTR_TO_DYNPTR ? 0 : (slotOrNone(env, regno) ?? -1);
  if (type === PTR_TO_STACK && !isDynptrAt(objectFrame(env, regno), slot)) {
    reject(EINVAL, `Expected an initialized dynptr as arg #${i}`);
  }
  const { w, at } = dynptrRecord(env, regno);
  if (use.kind !== 0 && w[at + W_AUX] !== use.kind) {
    reject(EINVAL, `Expected a dynptr of type ${dynptrKindName(use.kind)} as arg #${i}`);
  }
  if (type === CONST_PTR_TO_DYNPTR) return;
  const { frameno } = objectFrame(env, regno);
  for (const one of [slot, slot - 1]) {
    env.liveness.read(frameno, env.insn, one);
    env.log?.touchSlot(one);
  }
}

const KINDS: readonly (readonly [KindFlag, number])[] = [
  ['DYNPTR_LOCAL', DYNPTR_LOCAL],
  ['DYNPTR_RINGBUF', DYNPTR_RINGBUF],
  ['DYNPTR_SKB', DYNPTR_SKB],
  ['DYNPTR_XDP', DYNPTR_XDP],
];

/** Checks a dynptr argument of a helper. */
export function checkDynptrArgument(env: Env, regno: number, { flags }: ArgumentKind): void {
  checkDynptr(env, regno, {
    uninit: flags.includes('UNINIT'),
    readOnly: flags.includes('RDONLY'),
    kind: KINDS.find(([flag]) => flags.includes(flag))?.[1] ?? 0,
    reference: 0,
  });
}

/** A dynptr that a helper gives back is one that was acquired (kernel: check_func_arg). */
export function checkDynptrRelease(env: Env, regno: number): void {
  if (env.frame.w[regAt(regno) + W_TYPE] !== PTR_TO_STACK) reject(EINVAL, 'cannot release unowned const bpf_dynptr');
  const slot = slotOrNone(env, regno) ?? -1;
  if (slot < 0 || objectFrame(env, regno).w[slotAt(slot) + W_REF] === 0) {
    reject(EINVAL, `arg ${regno} is an unacquired reference`);
  }
}
