/** BTF of the functions of a case, from short signatures: `g int(ctx,int*@nonnull)`; g is global, s static. */
import { encodeBtf, type BtfType } from '../../../packages/btf/src/index.ts';

const pointer = (id: number, type: number): BtfType => ({ kind: 'PTR', id, name: '', type, attribute: false });
const int = (id: number, name: string, size: number, encoding = 1): BtfType => ({ kind: 'INT', id, name, size, encoding, bitOffset: 0, bits: size * 8 }); // prettier-ignore
const longs = (id: number, name: string, count: number): BtfType => ({ kind: 'STRUCT', id, name, size: 8 * count, members: Array.from({ length: count }, (_, i) => ({ name: `m${i}`, type: 2, bitOffset: 64 * i, bitfieldSize: 0 })) }); // prettier-ignore

/** Types that signatures name. */
const IDS: Readonly<Record<string, number>> = { void: 0, int: 1, long: 2, ctx: 4, 'int*': 5, 'long*': 6, 'void*': 7, pair: 8, 'pair*': 9, 'forward*': 11, char: 12, enum: 13, 'array*': 15, 'const int*': 17, float: 18, typedef: 19, 'long**': 20, enum64: 21, 'task*': 23 }; // prettier-ignore

function baseTypes(context: string): BtfType[] {
  return [
    int(1, 'int', 4),
    int(2, 'long', 8),
    longs(3, context, 1),
    pointer(4, 3),
    pointer(5, 1),
    pointer(6, 2),
    pointer(7, 0),
    longs(8, 'pair', 2),
    pointer(9, 8),
    { kind: 'FWD', id: 10, name: 'forward', union: false },
    pointer(11, 10),
    int(12, 'char', 1),
    { kind: 'ENUM', id: 13, name: 'e', size: 4, signed: false, values: [{ name: 'X', value: 1 }] },
    { kind: 'ARRAY', id: 14, name: '', type: 1, indexType: 1, nelems: 10 },
    pointer(15, 14),
    { kind: 'CONST', id: 16, name: '', type: 1, attribute: false },
    pointer(17, 16),
    { kind: 'FLOAT', id: 18, name: 'float', size: 4 },
    { kind: 'TYPEDEF', id: 19, name: 'number', type: 1, attribute: false },
    pointer(20, 6),
    { kind: 'ENUM64', id: 21, name: 'e64', size: 8, signed: false, values: [{ name: 'Y', value: 1n }] },
    longs(22, 'task_struct', 1),
    pointer(23, 22),
  ];
}

/** Instruction of each label of a text: a statement a line, `ll` is two slots. */
function labelsOf(text: string): Map<string, number> {
  const places = new Map<string, number>();
  let at = 0;
  for (const line of text.split('\n')) {
    let rest = line.trim();
    for (let label = /^(\w+):\s*/.exec(rest); label !== null; label = /^(\w+):\s*/.exec(rest)) {
      places.set(label[1]!, at);
      rest = rest.slice(label[0].length);
    }
    if (rest !== '') at += rest.endsWith(' ll') ? 2 : 1;
  }
  return places;
}

/**
 * BTF and func_info of a case.
 *
 * @param context - name of the struct that `ctx` points to
 */
export function functionTypes(
  text: string,
  signatures: Readonly<Record<string, string>>,
  context = '__sk_buff',
): { readonly btf: string; readonly funcInfo: (readonly [number, number])[] } {
  const types = baseTypes(context);
  const places = labelsOf(text);
  const funcInfo: (readonly [number, number])[] = [];
  for (const [name, signature] of Object.entries(signatures)) {
    const [, linkage, result, list] = /^([gs]) ([\w*]+)\((.*)\)$/.exec(signature)!;
    const params = list!.split(',').filter((word) => word !== '').map((word) => word.split('@')); // prettier-ignore
    const proto = types.length + 1;
    types.push({ kind: 'FUNC_PROTO', id: proto, name: '', returnType: IDS[result!]!, params: params.map(([type], i) => ({ name: `a${i}`, type: IDS[type!]! })) }); // prettier-ignore
    types.push({ kind: 'FUNC', id: proto + 1, name, type: proto, linkage: linkage === 'g' ? 1 : 0 });
    params.forEach(([, ...tags], i) => {
      for (const tag of tags) {
        types.push({ kind: 'DECL_TAG', id: types.length + 1, name: `arg:${tag}`, type: proto + 1, componentIndex: i, attribute: false }); // prettier-ignore
      }
    });
    funcInfo.push([places.get(name) ?? 0, proto + 1]);
  }
  funcInfo.sort(([a], [b]) => a - b);
  return { btf: Buffer.from(encodeBtf({ endian: 'little', types })).toString('base64'), funcInfo };
}
