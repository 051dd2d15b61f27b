/**
 * Values as `bpf_snprintf_btf` prints them (kernel/bpf/btf.c, `btf_type_show`): `(struct x){\n .member = (int)1,\n}`. Members
 * that are zero are left out, and so is what has nothing but such members.
 */
import { type Btf, BTF_INT_ENCODING, type BtfComposite, type BtfMember, resolveType, sizeOf, skipModifiers, typeById } from '@polybpf/btf'; // prettier-ignore
import { readInteger } from './byte-order.ts';

/** `BTF_F_*` of include/uapi/linux/bpf.h. */
export const SHOW_FLAGS = { COMPACT: 1, NONAME: 2, PTR_RAW: 4, ZERO: 8 } as const;
/** Pointers, arrays and typedefs in a row that a name can have. */
const MAX_NESTING = 8;

interface Show {
  readonly btf: Btf;
  readonly flags: number;
  text: string;
  depth: number;
  member: BtfMember | undefined;
  /** Inside an array: its members have no names. */
  arrayMember: boolean;
  characters: boolean;
  terminated: boolean;
}

/** The text of the value of type `id` in `bytes`: Latin-1, a byte for each character. */
export function showBtf(btf: Btf, id: number, bytes: Uint8Array, flags: number): string {
  const show: Show = { btf, flags, text: '', depth: 0, member: undefined, arrayMember: false, characters: false, terminated: false }; // prettier-ignore
  showType(show, id, bytes, 0);
  return show.text;
}

function compact({ flags }: Show): boolean {
  return (flags & SHOW_FLAGS.COMPACT) !== 0;
}

function zeros({ flags }: Show): boolean {
  return (flags & SHOW_FLAGS.ZERO) !== 0;
}

function indent(show: Show): string {
  return compact(show) ? '' : ' '.repeat(show.depth);
}

function newline(show: Show): string {
  return compact(show) ? '' : '\n';
}

function delimiter(show: Show): string {
  return show.depth === 0 ? '' : ',';
}

/** `.member = (struct name *[]){`, as far as each is there. */
function nameOf(show: Show, typeId: number): string {
  const { btf, member, flags } = show;
  if (show.arrayMember) return '';
  let id = member?.type ?? typeId;
  let name = '';
  let prefix = '';
  let parens = '';
  let stars = '';
  let brackets = '';
  let pointer = false;
  let array = false;
  let typedef = false;
  let type = typeById(btf, id);
  for (let k = 0; ; k++) {
    if (k === MAX_NESTING) return '';
    if (type.kind === 'TYPEDEF') {
      if (name === '') name = type.name;
      typedef = true;
      id = type.type;
    } else if (type.kind === 'ARRAY') {
      array = true;
      parens = '[';
      brackets += '[]';
      id = type.type;
    } else if (type.kind === 'PTR') {
      pointer = true;
      stars += '*';
      id = type.type;
    } else if (
      type.kind === 'CONST' ||
      type.kind === 'VOLATILE' ||
      type.kind === 'RESTRICT' ||
      type.kind === 'TYPE_TAG'
    )
      id = type.type; // prettier-ignore
    else break;
    if (id === 0) break;
    type = skipModifiers(btf, id);
  }
  if (name === '' && type.kind !== 'PTR') name = type.name;
  if (type.kind === 'STRUCT' || type.kind === 'UNION') {
    prefix = type.kind === 'STRUCT' ? 'struct' : 'union';
    if (!array) parens = '{';
  } else if (type.kind === 'ENUM' || type.kind === 'ENUM64') prefix = 'enum';
  if (pointer) parens = '';
  if (typedef) prefix = '';
  if ((flags & SHOW_FLAGS.NONAME) !== 0) return parens;
  const field = member === undefined || member.name === '' ? '' : `.${member.name} = `;
  const space = prefix !== '' && name !== '' ? ' ' : '';
  return `${field}(${prefix}${space}${name}${stars === '' ? '' : ' '}${stars}${brackets})${parens}`;
}

function showValue(show: Show, typeId: number, text: string, isZero: boolean): void {
  if (isZero && !zeros(show) && show.depth > 0) return;
  show.text += `${indent(show)}${nameOf(show, typeId)}${text}${delimiter(show)}${newline(show)}`;
}

function showType(show: Show, id: number, bytes: Uint8Array, at: number): void {
  const { btf } = show;
  const type = resolveType(btf, id);
  switch (type.kind) {
    case 'INT':
      showInteger(show, id, bytes, at);
      return;
    case 'PTR': {
      const value = readInteger(bytes, at, 8, btf.endian);
      showValue(show, id, `0x${value.toString(16).padStart(16, '0')}`, value === 0n);
      return;
    }
    case 'ENUM':
    case 'ENUM64': {
      const raw = readInteger(bytes, at, type.size, btf.endian);
      const value = type.signed ? BigInt.asIntN(type.size * 8, raw) : raw;
      const rows = type.values as readonly { readonly name: string; readonly value: number | bigint }[];
      const known = rows.find((row) => BigInt(row.value) === value)?.name;
      showValue(show, id, known ?? value.toString(), known === undefined && value === 0n);
      return;
    }
    case 'ARRAY':
      showAggregate(show, id, ']', () => showElements(show, type, bytes, at));
      return;
    case 'STRUCT':
    case 'UNION':
      showAggregate(show, id, '}', () => showMembers(show, type, bytes, at));
      return;
    default:
      show.text += `<unsupported kind:${type.kind}>`;
  }
}

function showInteger(show: Show, id: number, bytes: Uint8Array, at: number): void {
  const { btf } = show;
  const type = resolveType(btf, id);
  if (type.kind !== 'INT') return;
  const raw = readInteger(bytes, at, Math.min(type.size, 8), btf.endian);
  if (type.size === 1 && show.characters) {
    if (show.terminated) return;
    if (raw === 0n) {
      show.terminated = true;
      return;
    }
    // isprint() of the kernel is that of Latin-1.
    if ((raw >= 0x20n && raw < 0x7fn) || raw >= 0xa0n) {
      showValue(show, id, `'${String.fromCharCode(Number(raw))}'`, false);
      return;
    }
  }
  if (type.size > 8) {
    const wide = readInteger(bytes, at, type.size, btf.endian);
    showValue(show, id, `0x${wide.toString(16)}`, wide === 0n);
    return;
  }
  const signed = (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0;
  const value = signed ? BigInt.asIntN(type.size * 8, raw) : raw;
  showValue(show, id, value.toString(), value === 0n);
}

/** Opening, members one level deeper, closing; nothing at all when no member is shown. */
function showAggregate(show: Show, id: number, close: string, body: () => void): void {
  const { member, arrayMember, characters, terminated, text, depth } = show;
  show.text += `${indent(show)}${nameOf(show, id)}${newline(show)}`;
  const opened = show.text.length;
  show.depth++;
  show.member = undefined;
  show.arrayMember = false;
  show.characters = false;
  show.terminated = false;
  body();
  show.depth = depth;
  Object.assign(show, { member, arrayMember, characters, terminated });
  if (show.text.length === opened && depth > 0 && !zeros(show)) {
    show.text = text;
    return;
  }
  show.text += `${indent(show)}${close}${delimiter(show)}${newline(show)}`;
}

function showElements(
  show: Show,
  { type, nelems }: { readonly type: number; readonly nelems: number },
  bytes: Uint8Array,
  at: number,
): void {
  const size = sizeOf(show.btf, type);
  show.arrayMember = true;
  show.characters = size === 1 && resolveType(show.btf, type).kind === 'INT';
  for (let k = 0; k < nelems && !show.terminated; k++) showType(show, type, bytes, at + k * size);
}

function showMembers(show: Show, type: BtfComposite, bytes: Uint8Array, at: number): void {
  for (const member of type.members) {
    show.member = member;
    if (member.bitfieldSize === 0) showType(show, member.type, bytes, at + member.bitOffset / 8);
    else showBitfield(show, member, bytes, at);
  }
}

function showBitfield(show: Show, member: BtfMember, bytes: Uint8Array, at: number): void {
  const { bitOffset, bitfieldSize } = member;
  const first = Math.floor(bitOffset / 8);
  const count = Math.ceil((bitOffset + bitfieldSize) / 8) - first;
  const low = bitOffset - first * 8;
  const shift = show.btf.endian === 'little' ? low : count * 8 - low - bitfieldSize;
  const value = BigInt.asUintN(bitfieldSize, readInteger(bytes, at + first, count, show.btf.endian) >> BigInt(shift));
  showValue(show, member.type, `0x${value.toString(16)}`, value === 0n);
}
