/** Memory that is handed to kernel functions, by its type or with its size (kernel: check_kfunc_mem_size_reg). */
import { type BtfType, sizeOf } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { type Env, reject } from './env.ts';
import { checkConstantString, checkMemorySize } from './helper-args.ts';
import { nameOf } from './kernel-types.ts';
import { markPointerNotNull } from './nullness.ts';
import { checkMemory } from './program-types-btf.ts';
import { EINVAL, Reject } from './reject.ts';
import { copyRegister, REG_WORDS, W_TYPE } from './register-record.ts';
import { PTR_MAYBE_NULL, PTR_TO_MAP_VALUE } from './register-types.ts';
import { READ, WRITE } from './stack-access.ts';
import { regAt } from './state.ts';

/** Memory of the size of a type. */
export function checkTypedMemory(env: Env, i: number, target: BtfType): void {
  let size: number;
  try {
    size = sizeOf(env.kernel!.btf, target.id);
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return reject(EINVAL, `arg#${i} reference type('${target.kind} ${nameOf(target)}') size cannot be determined: -22`);
  }
  checkMemory(env, i + 1, size);
}

const SAVED = new Int32Array(REG_WORDS);

/** Memory that is read and written, with its size in the next register. */
export function checkSizedMemory(env: Env, i: number): void {
  const w = env.frame.w;
  const at = regAt(i + 1);
  const nullable = (w[at + W_TYPE]! & PTR_MAYBE_NULL) !== 0;
  if (nullable) {
    copyRegister(SAVED, 0, w, at);
    markPointerNotNull(env, w, at);
  }
  const meta = { rawMode: false, regno: 0, accessSize: 0, maxSize: 0 };
  try {
    checkMemorySize(env, i + 2, READ, true, meta);
    checkMemorySize(env, i + 2, WRITE, true, meta);
  } catch (reason) {
    if (!(reason instanceof Reject)) throw reason;
    const pair = `arg#${i} arg#${i + 1} memory, len pair leads to invalid memory access`;
    reject(reason.errno, reason.text === '' ? pair : `${reason.text}\n${pair}`);
  } finally {
    if (nullable) copyRegister(w, at, SAVED, 0);
  }
}

/** A string that never changes. */
export function checkString(env: Env, i: number): void {
  if (env.frame.w[regAt(i + 1) + W_TYPE] !== PTR_TO_MAP_VALUE) {
    reject(EINVAL, `arg#${i} doesn't point to a const string`);
  }
  checkConstantString(env, i + 1);
}
