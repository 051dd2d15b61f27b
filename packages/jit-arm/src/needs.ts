/** What allocation has to know of lowering: scratch registers beyond the usual two, and hidden calls. */
import { NO_REG, type Op, R10 } from '@polybpf/jit';
import { atomicTemps } from './lower-atomic.ts';
import { callsDivision } from './lower-divide.ts';

/** How many further scratch registers the lowering of an op wants: 0, 2 or 4. */
export function needs(op: Op, isInMemory: (register: number) => boolean): number {
  switch (op.kind) {
    case 'mul':
    case 'lsh':
    case 'rsh':
    case 'arsh':
      return op.width === 64 && [op.d, op.a, op.b].some((r) => r !== NO_REG && r < R10 && isInMemory(r)) ? 2 : 0;
    case 'atomic_add':
    case 'atomic_or':
    case 'atomic_and':
    case 'atomic_xor':
    case 'fetch_add':
    case 'fetch_or':
    case 'fetch_and':
    case 'fetch_xor':
      return atomicTemps(op, isInMemory);
    case 'xchg':
    case 'cmpxchg':
    case 'store_release':
      return op.width === 64 ? 4 : 2;
    case 'load_acquire':
      return op.width === 64 ? 2 : 0;
    default:
      return 0;
  }
}

/** Whether an op becomes a call of a routine. */
export function makeCallsRoutine(hasIdiv: boolean): (op: Op) => boolean {
  return (op) => callsDivision(op, hasIdiv);
}
