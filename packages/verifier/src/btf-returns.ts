/** Helpers that return kernel objects. */
import type { ResultKind } from '@polybpf/helpers';
import { type Env, notModelled } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import type { Frame } from './state.ts';

/** r0 is a pointer to a kernel object. */
export function returnBtf(_env: Env, result: ResultKind, _flags: number, _meta: CallMeta): void {
  notModelled(`pointer to struct ${result.btf ?? '?'} from a helper`);
}

/** r0 is per-CPU memory or a kernel object. */
export function returnMemoryOrBtf(_env: Env, _flags: number, _meta: CallMeta): void {
  notModelled('per-CPU kernel symbol');
}

/** bpf_find_vma: callback(task, vma, ctx). */
export function setupFindVma(_env: Env, _caller: Frame, _callee: Frame): void {
  notModelled('bpf_find_vma');
}
