/** Dynptrs as arguments of helpers. */
import type { ArgumentKind } from '@polybpf/helpers';
import { type Env, notModelled } from './env.ts';
import type { CallMeta } from './helper-args.ts';

/** (kernel: process_dynptr_func) */
export function checkDynptrArgument(_env: Env, _regno: number, _kind: ArgumentKind, _meta: CallMeta): void {
  notModelled('dynptr');
}
