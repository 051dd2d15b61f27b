/** Maps of all kinds for cases, by short names. */
import { encodeBtf } from '../../../packages/btf/src/index.ts';
import type { CaseMap } from '../case-runner.ts';

const int = (id: number, name: string, size: number) => ({ kind: 'INT', id, name, size, encoding: 1, bitOffset: 0, bits: size * 8 }) as const; // prettier-ignore
const struct = (id: number, name: string, size: number, ...members: readonly (readonly [string, number, number])[]) =>
  ({ kind: 'STRUCT', id, name, size, members: members.map(([member, type, at]) => ({ name: member, type, bitOffset: at * 8, bitfieldSize: 0 })) }) as const; // prettier-ignore

/** Values with a lock (3, 8), with a timer (7), and a long (4). */
const btf = Buffer.from(
  encodeBtf({
    endian: 'little',
    types: [
      int(1, 'int', 4),
      struct(2, 'bpf_spin_lock', 4, ['val', 1, 0]),
      struct(3, 'locked', 8, ['count', 1, 0], ['lock', 2, 4]),
      int(4, 'long', 8),
      { kind: 'ARRAY', id: 5, name: '', type: 4, indexType: 1, nelems: 2 },
      struct(6, 'bpf_timer', 16, ['opaque', 5, 0]),
      struct(7, 'timed', 24, ['count', 4, 0], ['timer', 6, 8]),
      struct(8, 'wide', 64, ['lock', 2, 0], ['count', 4, 8]),
    ],
  }),
).toString('base64');

const map = (type: number, keySize: number, valueSize: number, maxEntries: number, more: Partial<CaseMap> = {}): CaseMap => ({ type, keySize, valueSize, maxEntries, ...more }); // prettier-ignore
const typed = (btfValueTypeId: number): Partial<CaseMap> => ({ btf, btfKeyTypeId: 1, btfValueTypeId });

export const MAPS = {
  hash48: map(1, 8, 48, 1),
  array48: map(2, 4, 48, 1),
  array4: map(2, 4, 4, 1),
  programs: map(3, 4, 4, 4),
  percpuArray48: map(6, 4, 48, 2),
  lru48: map(9, 8, 48, 4),
  xskmap: map(17, 4, 4, 4),
  ring: map(27, 0, 0, 4096),
  readOnly: map(2, 4, 48, 1, { flags: 128 }),
  writeOnly: map(2, 4, 48, 1, { flags: 256 }),
  locked: map(2, 4, 8, 1, typed(3)),
  lockedHash: map(1, 4, 64, 4, typed(8)),
  timed: map(2, 4, 24, 1, typed(7)),
  ofLocked: map(12, 4, 4, 1, { inner: map(2, 4, 8, 1, typed(3)) }),
} as const;
