/** Members of a struct as properties: what type they have in TypeScript, how to read and to write them. */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfComposite, BtfMember, BtfType } from './btf-type.ts';
import { BTF_INT_ENCODING } from './kinds.ts';
import { resolveType, sizeOf } from './resolve.ts';
import { pascalCase, type TypeScriptNames } from './ts-names.ts';

/** Source text for a value that lies in memory. `at` is the text of an expression, a number of bytes. */
export interface TypeScriptValue {
  /** Type of the property, plain data. */
  readonly type: string;
  readonly read: (at: string) => string;
  /** A statement. */
  readonly write: (at: string, value: string) => string;
  /** Turns what `read` gives into plain data. */
  readonly plain: (value: string) => string;
}

/** A property of a view. */
export interface TypeScriptField extends TypeScriptValue {
  readonly name: string;
  readonly at: string;
  /** A second property with the bytes of a text. */
  readonly bytes: { readonly length: string } | undefined;
  /** C type or place, for the comment. */
  readonly comment: string;
}

/** Where values are printed from: the types, their names, and what else has to be printed. */
export interface TypeScriptContext {
  readonly btf: Btf;
  readonly names: TypeScriptNames;
  readonly use: (type: BtfType, path: string) => string;
  /** Properties that may still be printed; anonymous members could multiply them without end. */
  readonly budget: { left: number };
}

const MAX_DEPTH = 32;

/** All properties of a struct or union; those of anonymous members are its own, as in C. */
export function fieldsOf(
  cx: TypeScriptContext,
  type: BtfComposite,
  path: string,
  base = 0,
  depth = 0,
): TypeScriptField[] {
  // prettier-ignore
  if (depth > MAX_DEPTH) throw new BpfError('E_BTF_TYPE', `type ${type.id} is nested too deep`);
  cx.budget.left -= type.members.length;
  if (cx.budget.left < 0) throw new BpfError('E_BTF_TYPE', 'the types are too large to be printed');
  return type.members.flatMap((member, index) => {
    const resolved = resolveType(cx.btf, member.type);
    const isComposite = resolved.kind === 'STRUCT' || resolved.kind === 'UNION';
    if (member.name === '') {
      return isComposite ? fieldsOf(cx, resolved, path, base + member.bitOffset, depth + 1) : [];
    }
    const isLast = type.kind === 'STRUCT' && index === type.members.length - 1;
    return [memberField(cx, member, resolved, `${path}_${member.name}`, base, isLast)];
  });
}

function memberField(
  cx: TypeScriptContext,
  member: BtfMember,
  type: BtfType,
  path: string,
  base: number,
  isLast: boolean,
): TypeScriptField {
  const offset = base + member.bitOffset;
  const isOldBitfield = type.kind === 'INT' && (type.bits < 8 * type.size || type.bitOffset > 0);
  const bits = member.bitfieldSize > 0 ? member.bitfieldSize : isOldBitfield ? type.bits : 0;
  const { name } = member;
  if (bits > 0) {
    const place = offset + (type.kind === 'INT' ? type.bitOffset : 0);
    return { name, at: String(place), bytes: undefined, comment: `bits ${place} to ${place + bits - 1}`, ...bitfield(cx, type, bits, path) }; // prettier-ignore
  }
  const at = String(offset / 8);
  const length = isText(cx.btf, type) && type.kind === 'ARRAY' ? (type.nelems > 0 ? String(type.nelems) : rest(at)) : undefined; // prettier-ignore
  return {
    name,
    at,
    comment: `offset ${at}`,
    bytes: length === undefined ? undefined : { length },
    ...valueOf(cx, type, path, isLast),
  };
}

/** Bytes from a place to the end of the view: what an array without length has. */
function rest(at: string): string {
  return `this.bytes.length - ${at}`;
}

function isText(btf: Btf, type: BtfType): boolean {
  if (type.kind !== 'ARRAY') return false;
  const element = resolveType(btf, type.type);
  return element.kind === 'INT' && element.size === 1 && (element.name === 'char' || (element.encoding & BTF_INT_ENCODING.CHAR) !== 0); // prettier-ignore
}

function bitfield(cx: TypeScriptContext, type: BtfType, bits: number, path: string): TypeScriptValue {
  const isBool = type.kind === 'INT' && (type.encoding & BTF_INT_ENCODING.BOOL) !== 0;
  const signed = (type.kind === 'INT' && (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0) || (isEnumType(type) && type.signed); // prettier-ignore
  const raw = (at: string): string => `readBits(this.#view, ${at}, ${bits}, ${String(signed)}, this.#little)`;
  const write = (at: string, value: string): string => `writeBits(this.#view, ${at}, ${bits}, BigInt(${value}), this.#little);`; // prettier-ignore
  const plain = (value: string): string => value;
  if (isBool) return { type: 'boolean', read: (at) => `${raw(at)} !== 0n`, write, plain };
  if (bits > 32) return { type: 'bigint', read: raw, write, plain };
  const name = isEnumType(type) && type.kind === 'ENUM' ? cx.use(type, path) : undefined;
  const read = (at: string): string => `Number(${raw(at)})${name === undefined ? '' : ` as ${name}`}`;
  return { type: name ?? 'number', read, write, plain };
}

function isEnumType(type: BtfType): type is BtfType & { readonly kind: 'ENUM' | 'ENUM64' } {
  return type.kind === 'ENUM' || type.kind === 'ENUM64';
}

/** Text for a value of a type, for instance a whole map value. */
export function valueOf(
  cx: TypeScriptContext,
  type: BtfType,
  path: string,
  isLast: boolean,
  depth = 0,
): TypeScriptValue {
  // prettier-ignore
  if (depth > MAX_DEPTH) throw new BpfError('E_BTF_TYPE', `type ${type.id} is nested too deep`);
  switch (type.kind) {
    case 'INT':
      if ((type.encoding & BTF_INT_ENCODING.BOOL) !== 0) return { ...number('Uint8'), type: 'boolean', read: (at) => `this.#view.getUint8(${at}) !== 0`, write: (at, value) => `this.#view.setUint8(${at}, Number(${value}));` }; // prettier-ignore
      return integer(type.size, (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0);
    case 'FLOAT':
      return type.size === 4 || type.size === 8 ? number(`Float${8 * type.size}`) : opaque(type.size);
    case 'PTR':
      return integer(8, false);
    case 'ENUM':
    case 'ENUM64': {
      const value = integer(type.size, type.signed);
      const name = cx.use(type, path);
      return { ...value, type: name, read: (at) => `${value.read(at)} as ${name}` };
    }
    case 'STRUCT':
    case 'UNION': {
      const name = cx.use(type, path);
      const part = (at: string): string => `new ${name}View(this.bytes.subarray(${at}, ${at} + ${type.size}), this.#little)`; // prettier-ignore
      return {
        type: name,
        read: part,
        write: (at, value) => `${part(at)}.assign(${value});`,
        plain: (value) => `${value}.toObject()`,
      };
    }
    case 'ARRAY':
      return arrayOf(cx, type, path, isLast, depth);
    default:
      return opaque(0);
  }
}

function arrayOf(
  cx: TypeScriptContext,
  type: BtfType & { readonly kind: 'ARRAY' },
  path: string,
  isLast: boolean,
  depth: number,
): TypeScriptValue {
  const element = resolveType(cx.btf, type.type);
  const size = sizeOf(cx.btf, element.id);
  const length = (at: string): string => type.nelems > 0 || !isLast ? String(type.nelems) : size === 1 ? rest(at) : `Math.floor((${rest(at)}) / ${size})`; // prettier-ignore
  if (isText(cx.btf, type)) {
    return {
      type: 'string',
      read: (at) => `readText(this.bytes, ${at}, ${length(at)})`,
      write: (at, value) => `writeText(this.bytes, ${at}, ${length(at)}, ${value});`,
      plain: (value) => value,
    };
  }
  if (
    element.kind === 'INT' &&
    size === 1 &&
    (element.encoding & BTF_INT_ENCODING.BOOL) === 0 &&
    (element.encoding & BTF_INT_ENCODING.SIGNED) === 0
  ) {
    // prettier-ignore
    return {
      type: 'Uint8Array',
      read: (at) => `this.bytes.subarray(${at}, ${at} + ${length(at)})`,
      write: (at, value) => `this.bytes.set(${value}.subarray(0, ${length(at)}), ${at});`,
      plain: (value) => `${value}.slice()`,
    };
  }
  const inner = valueOf(cx, element, path, false, depth + 1);
  const [index, item] = [`i${depth}`, `item${depth}`];
  const isEnumeration = isEnumType(element);
  return {
    type: `readonly ${/^[\w.]+$/.test(inner.type) ? inner.type : `(${inner.type})`}[]`,
    read: (at) => `Array.from({ length: ${length(at)} }, (_, ${index}) => ${isEnumeration ? `(${inner.read(`${at} + ${size} * ${index}`)})` : inner.read(`${at} + ${size} * ${index}`)})`, // prettier-ignore
    write: (at, value) => `${value}.slice(0, ${length(at)}).forEach((${item}, ${index}) => { ${inner.write(`${at} + ${size} * ${index}`, item)} });`, // prettier-ignore
    plain: (value) => (inner.plain('x') === 'x' ? value : `${value}.map((x) => ${inner.plain('x')})`),
  };
}

function number(kind: string): TypeScriptValue {
  const order = kind.endsWith('8') ? '' : ', this.#little';
  return {
    type: 'number',
    read: (at) => `this.#view.get${kind}(${at}${order})`,
    write: (at, value) => `this.#view.set${kind}(${at}, ${value}${order});`,
    plain: (value) => value,
  };
}

function integer(size: number, signed: boolean): TypeScriptValue {
  const sign = signed ? 'Int' : 'Uint';
  switch (size) {
    case 1:
    case 2:
    case 4:
      return number(`${sign}${8 * size}`);
    case 8:
      return { ...number(`Big${sign}64`), type: 'bigint' };
    default:
      return {
        type: 'bigint',
        read: (at) => `readBits(this.#view, 8 * (${at}), ${8 * size}, ${String(signed)}, this.#little)`,
        write: (at, value) => `writeBits(this.#view, 8 * (${at}), ${8 * size}, ${value}, this.#little);`,
        plain: (value) => value,
      };
  }
}

/** What has no meaning in TypeScript stays bytes: long double, functions, types that are only declared. */
function opaque(size: number): TypeScriptValue {
  return {
    type: 'Uint8Array',
    read: (at) => `this.bytes.subarray(${at}, ${at} + ${size})`,
    write: (at, value) => `this.bytes.set(${value}.subarray(0, ${size}), ${at});`,
    plain: (value) => `${value}.slice()`,
  };
}

/** Name of an anonymous type by where it is: `event` and `u` make `EventU`. */
export function pathName(...parts: readonly string[]): string {
  return pascalCase(parts.join('_'));
}
