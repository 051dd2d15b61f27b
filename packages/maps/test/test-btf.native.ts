/** BTF of values with special fields, and of a program with a callback. */
import { encodeBtf } from '@polybpf/btf';
import type { LiveKernel } from '@polybpf/kernel';
import type { SpecialField } from '@polybpf/maps';

const KEY = 2;
const INT = (id: number, name: string, size: number) => ({ kind: 'INT' as const, id, name, size, encoding: 0, bitOffset: 0, bits: 8 * size }); // prettier-ignore
const member = (name: string, type: number, offset: number) => ({ name, type, bitOffset: 8 * offset, bitfieldSize: 0 });

/** A value with a special field. */
export interface FieldValue {
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  readonly valueSize: number;
  readonly fields: readonly SpecialField[];
}

export const LOCKED: FieldValue = {
  btfKeyTypeId: KEY,
  btfValueTypeId: 5,
  valueSize: 16,
  fields: [{ kind: 'spin_lock', offset: 4, size: 4 }],
};
export const TIMED: FieldValue = {
  btfKeyTypeId: KEY,
  btfValueTypeId: 6,
  valueSize: 32,
  fields: [{ kind: 'timer', offset: 8, size: 16 }],
};
/** A lock and a timer. */
export const BOTH: FieldValue = {
  btfKeyTypeId: KEY,
  btfValueTypeId: 10,
  valueSize: 32,
  fields: [
    { kind: 'spin_lock', offset: 4, size: 4 },
    { kind: 'timer', offset: 8, size: 16 },
  ],
};
/** BTF ids of the functions: main and callback. */
export const MAIN_FUNCTION = 8;
export const CALLBACK_FUNCTION = 9;

/** Loads it; the file descriptor. */
export function loadTestBtf(kernel: LiveKernel): number {
  const params = ['map', 'key', 'value', 'context'].map((name) => ({ name, type: 1 }));
  const outcome = kernel.loadBtf(
    encodeBtf({
      endian: 'little',
      types: [
        INT(1, 'u64', 8),
        INT(KEY, 'u32', 4),
        { kind: 'STRUCT', id: 3, name: 'bpf_spin_lock', size: 4, members: [member('val', 2, 0)] },
        { kind: 'STRUCT', id: 4, name: 'bpf_timer', size: 16, members: [member('a', 1, 0), member('b', 1, 8)] },
        { kind: 'STRUCT', id: 5, name: 'locked', size: 16, members: [member('a', 2, 0), member('lock', 3, 4), member('b', 1, 8)] }, // prettier-ignore
        { kind: 'STRUCT', id: 6, name: 'timed', size: 32, members: [member('a', 1, 0), member('timer', 4, 8), member('b', 1, 24)] }, // prettier-ignore
        { kind: 'FUNC_PROTO', id: 7, name: '', returnType: KEY, params },
        { kind: 'FUNC', id: MAIN_FUNCTION, name: 'main', type: 7, linkage: 0 },
        { kind: 'FUNC', id: CALLBACK_FUNCTION, name: 'callback', type: 7, linkage: 0 },
        { kind: 'STRUCT', id: 10, name: 'both', size: 32, members: [member('a', 2, 0), member('lock', 3, 4), member('timer', 4, 8), member('b', 1, 24)] }, // prettier-ignore
      ] as Parameters<typeof encodeBtf>[0]['types'],
    }),
    { logLevel: 1 },
  );
  if (!outcome.accepted) throw new Error(`BTF: ${outcome.message}\n${outcome.log}`);
  return outcome.fd;
}
