/** BTF of programs around dynptrs, with functions of many shapes. */
import { type BtfType, encodeBtf } from '@polybpf/btf';

const ref = (kind: 'PTR' | 'CONST', type: number): object => ({ kind, name: '', type, attribute: false });
const proto = (...types: number[]): object => ({ kind: 'FUNC_PROTO', name: '', returnType: 1, params: types.map((type, i) => ({ name: `a${i}`, type })) }); // prettier-ignore

/** BTF of the programs: `int main(void *)`, `int cb(const struct bpf_dynptr *, void *)`, and others like them. */
export const DYNPTR_BTF: Uint8Array = encodeBtf({
  endian: 'little',
  types: [
    { kind: 'VOID', name: '' },
    { kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 },
    ref('PTR', 0),
    proto(2),
    { kind: 'FUNC', name: 'main', type: 3, linkage: 1 },
    { kind: 'INT', name: 'u64', size: 8, encoding: 0, bitOffset: 0, bits: 64 },
    { kind: 'ARRAY', name: '', type: 5, indexType: 1, nelems: 2 },
    { kind: 'STRUCT', name: 'bpf_dynptr', size: 16, members: [{ name: 'x', type: 6, bitOffset: 0, bitfieldSize: 0 }] },
    ref('CONST', 7),
    ref('PTR', 8),
    proto(9, 2),
    { kind: 'FUNC', name: 'cb', type: 10, linkage: 0 },
    proto(9),
    { kind: 'FUNC', name: 'glob', type: 12, linkage: 1 },
    { kind: 'FUNC', name: 'sub', type: 12, linkage: 0 },
    { kind: 'FUNC', name: 'round', type: 10, linkage: 0 },
  ].map((type, id) => ({ ...type, id })) as BtfType[],
});
