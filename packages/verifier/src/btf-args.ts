/** Pointers to kernel objects as arguments. */
import type { ArgumentKind } from '@polybpf/helpers';
import { type Env, notModelled } from './env.ts';
import type { CallMeta } from './helper-args.ts';

/** The object is of the type that the helper takes. */
export function checkBtfArgument(_env: Env, _regno: number, _kind: ArgumentKind, _base: string, _meta: CallMeta): void {
  notModelled('kernel object as an argument');
}

/** A kernel object as memory that a helper reads. */
export function checkBtfMemory(_env: Env, _regno: number, _off: number, _size: number): void {
  notModelled('kernel object as memory of a helper');
}
