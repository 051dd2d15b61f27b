import { type BtfComposite, type BtfType, parseBtf } from '@polybpf/btf';
import { describe, expect, it } from 'vitest';
import { FUNCTIONS, OBJECTS, OWNED_BTF, OWNED_MAPS } from './owned-types.ts';
import { fieldsOfObject, fieldsOfValue } from '../src/btf-record.ts';
import { verify } from '../src/index.ts';
import type { Reject } from '../src/reject.ts';
import { OWNED_CASES, slotsOf } from './owned-cases.ts';
import { kernelFunction, OWNED_KERNEL } from './owned-kernel.ts';
import { EXIT, program } from './program.ts';

const maps = OWNED_MAPS.map((map) => ({ ...map, btf: OWNED_BTF }));

describe('programs that own objects', () => {
  it.each(OWNED_CASES)('$name', (one) => {
    const { main = FUNCTIONS.plainMain, functions = [], type = 'sched_cls' } = one;
    const { errno, message, verdict } = verify(
      {
        type,
        flags: type === 'syscall' ? 16 : 0,
        insns: slotsOf(one, kernelFunction),
        maps,
        btf: OWNED_BTF,
        functions: [{ insn: 0, type: main }, ...functions.map(([insn, id]) => ({ insn, type: id }))],
      },
      { kernelBtf: OWNED_KERNEL },
    );
    expect({ verdict, errno, message }).toStrictEqual({
      verdict: one.errno === 0 ? 'accept' : 'reject',
      errno: one.errno,
      message: one.message,
    });
  });

  it('are unsupported when the types of the kernel are not given', () => {
    const [one] = OWNED_CASES;
    const functions = [{ insn: 0, type: FUNCTIONS.plainMain }];
    const report = verify({ type: 'sched_cls', insns: slotsOf(one!, kernelFunction), btf: OWNED_BTF, functions });
    expect(report.verdict).toBe('unsupported');
  });
});

describe('maps', () => {
  const verdictOf = (map: object): number =>
    verify(
      { type: 'sched_cls', insns: program([0xb7, 0], EXIT), maps: [{ ...maps[0]!, ...map }] },
      { kernelBtf: OWNED_KERNEL },
    ).errno;

  it('whose values have lists are refused where nobody could lock them, or the program not write', () => {
    expect(verdictOf({})).toBe(0);
    expect(verdictOf({ type: 6 })).toBe(95);
    expect(verdictOf({ flags: 0x80 })).toBe(13);
  });
});

describe('special fields', () => {
  const btf = parseBtf(OWNED_BTF);
  const find = ({ id }: BtfComposite) => ({ inKernel: false, id, object: 1 });
  const struct = (name: string): BtfComposite => btf.types.find((type) => type.name === name) as BtfComposite;

  it('of a map value are found with what they contain', () => {
    const fields = fieldsOfValue(btf, struct('graph_value').id, find);
    expect(fields.map(({ kind, offset }) => [kind, offset])).toStrictEqual([
      ['bpf_spin_lock', 0],
      ['bpf_list_head', 8],
      ['bpf_rb_root', 24],
      ['bpf_list_head', 40],
      ['bpf_rb_root', 56],
      ['bpf_list_head', 72],
    ]);
    expect(fields[5]).toMatchObject({ target: OBJECTS.two.id, nodeOffset: 24 });
  });

  it('of an object are those that programs allocate', () => {
    expect(fieldsOfObject(btf, struct('rnode'), find)?.map(({ kind }) => kind)).toStrictEqual(['bpf_refcount', 'bpf_list_node', 'bpf_rb_node']); // prettier-ignore
    expect(fieldsOfObject(btf, struct('plain'), find)).toBeUndefined();
  });

  it('in an array are repeated, locks are not', () => {
    const word: BtfType = { kind: 'ARRAY', id: btf.types.length, name: '', type: 0, indexType: 1, nelems: 2 };
    const holder = (): BtfComposite => ({
      kind: 'STRUCT',
      id: btf.types.length + 1,
      name: 'holder',
      size: 64,
      members: [{ name: 'many', type: btf.types.length, bitOffset: 64, bitfieldSize: 0 }],
    });
    const arrayOf = (type: number) => ({ ...btf, types: [...btf.types, { ...word, type }, holder()] });
    const kptr = struct('kptr_value').members[2]!.type;
    const offsets = fieldsOfValue(arrayOf(kptr), btf.types.length + 1, find).map(({ offset }) => offset);
    expect(offsets).toStrictEqual([8, 16]);
    const locks = arrayOf(struct('bpf_spin_lock').id);
    expect(() => fieldsOfValue(locks, btf.types.length + 1, find)).toThrow(expect.objectContaining({ errno: 22 }) as Reject); // prettier-ignore
  });
});
