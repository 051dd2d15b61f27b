import type { Btf, BtfComposite, BtfEnum, BtfEnum64, BtfType } from './btf-type.ts';
import { memberBudget } from './c-layout.ts';
import { resolveType, sizeOf, typeById } from './resolve.ts';
import { fieldsOf, type TypeScriptContext, type TypeScriptField, valueOf } from './ts-fields.ts';
import { createTypeScriptNames, propertyName } from './ts-names.ts';

/** Prints types as TypeScript; what a value needs is printed with it, once. */
export interface TypeScriptPrinter {
  /** Name of a type in TypeScript, e.g. `number` or `TaskStruct`. */
  readonly typeName: (id: number, path?: string) => string;
  /** Source text of a `Codec` for values of a type; `path` names anonymous types. */
  readonly codec: (id: number, path: string) => string;
  /** All that was asked for, and what the code needs to run. */
  readonly finish: () => string;
}

/** What {@link printTypeScript} prints. */
export interface PrintTypeScriptOptions {
  /** Types to print, with all that they hold; default: every named struct, union and enumeration. */
  readonly roots?: readonly number[];
}

/**
 * Types as a TypeScript module that imports nothing: for each struct and union an interface with plain data, a view
 * class that reads and writes bytes in place, and a codec; enumerations as constant objects. 64-bit numbers and
 * pointers are `bigint`, arrays of char are text (with the bytes beside it), bit fields are numbers.
 *
 * @throws BpfError E_BTF_TYPE for types that cannot be laid out
 */
export function printTypeScript(btf: Btf, options: PrintTypeScriptOptions = {}): string {
  const printer = createTypeScriptPrinter(btf);
  const isRoot = ({ kind, name }: BtfType): boolean =>
    name !== '' && (kind === 'STRUCT' || kind === 'UNION' || kind === 'ENUM' || kind === 'ENUM64');
  const roots = options.roots ?? btf.types.filter(isRoot).map(({ id }) => id);
  for (const id of roots) printer.typeName(id);
  return printer.finish();
}

/** A printer that collects types as they are asked for; {@link printTypeScript} is the short way. */
export function createTypeScriptPrinter(btf: Btf): TypeScriptPrinter {
  const names = createTypeScriptNames();
  const printed = new Map<number, string>();
  const use = (type: BtfType, path: string): string => {
    const name = names.nameOf(type, path);
    if (!printed.has(type.id)) {
      printed.set(type.id, '');
      printed.set(type.id, type.kind === 'ENUM' || type.kind === 'ENUM64' ? enumText(type, name) : compositeText(cx, type as BtfComposite, name, path)); // prettier-ignore
    }
    return name;
  };
  const cx: TypeScriptContext = { btf, names, use, budget: memberBudget(btf) };
  const value = (id: number, path: string): ReturnType<typeof valueOf> => valueOf(cx, resolveType(btf, id), path, false); // prettier-ignore
  return {
    typeName: (id, path = `type_${id}`) => value(id, typeById(btf, id).name || path).type,
    codec(id, path) {
      const type = resolveType(btf, id);
      const { type: name, read, write, plain } = value(id, path);
      if (type.kind === 'STRUCT' || type.kind === 'UNION') return `codecOf(${name}View)`;
      return `codec<${name}>(${sizeOf(btf, id)}, (self) => ${plain(onSelf(read('0')))}, (self, value) => { ${onSelf(write('0', 'value'))} })`; // prettier-ignore
    },
    finish: () =>
      `${RUNTIME.replace('boolean = true', `boolean = ${String(btf.endian === 'little')}`)}\n${[...printed.values()].join('\n')}`,
  };
}

/** The same access outside of a class. */
function onSelf(text: string): string {
  return text.replace(/this\.#?/g, 'self.');
}

function enumText(type: BtfEnum | BtfEnum64, name: string): string {
  const literal = (value: number | bigint): string => (type.size > 4 ? `${BigInt(value)}n` : String(value));
  const seen = new Set<string>();
  const values = type.values.flatMap(({ name: key, value }) => {
    if (seen.has(key)) return [];
    seen.add(key);
    return [`  ${propertyName(key)}: ${literal(value)},\n`];
  });
  const any = type.size > 4 ? 'bigint' : 'number';
  const alias = values.length === 0 ? any : `(typeof ${name})[keyof typeof ${name}]`;
  const text = values.length === 0 ? '' : `export const ${name} = {\n${values.join('')}} as const;\n`;
  return `${comment(`enum ${type.name}`)}${text}export type ${name} = ${alias};\n`;
}

function compositeText(cx: TypeScriptContext, type: BtfComposite, name: string, path: string): string {
  const fields = unique(fieldsOf(cx, type, type.name === '' ? path : type.name));
  const what = `${type.kind === 'UNION' ? 'union' : 'struct'} ${type.name === '' ? '(anonymous)' : type.name}, ${type.size} bytes`;
  const properties = fields.map((field) => `  ${propertyName(field.name)}: ${field.type};\n`);
  const plain = fields.map((field) => `      ${propertyName(field.name)}: ${field.plain(access(field))},\n`);
  const assign = fields.map((field) => {
    const key = propertyName(field.name);
    const given = key.startsWith('"') ? `value[${key}]` : `value.${key}`;
    return `    if (${given} !== undefined) ${access(field)} = ${given};\n`;
  });
  return `${comment(what)}export interface ${name} {
${properties.join('')}}

/** Reads and writes a ${what.replace(/, .*/, '')} where it lies. */
export class ${name}View implements ${name} {
  static readonly size = ${type.size};
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array = new Uint8Array(${type.size}), little: boolean = LITTLE_ENDIAN) {
    this.bytes = checkSize(bytes, ${type.size}, '${name}');
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
  }
${fields.map(accessors).join('')}
  /** Sets the given members${type.kind === 'UNION' ? '; they share their bytes, so the last one wins' : ''}. */
  assign(value: Partial<${name}>): this {
${fields.length === 0 ? '    void value;\n' : assign.join('')}    return this;
  }

  /** A copy that does not follow the bytes. */
  toObject(): ${name} {
    void this.#view;
    void this.#little;
    return {
${plain.join('')}    };
  }
}
`;
}

/** Members that C keeps apart and a class cannot: of several with one name (or that of a method) all but the first go. */
function unique(fields: readonly TypeScriptField[]): TypeScriptField[] {
  const seen = new Set(['constructor', 'bytes', 'assign', 'toObject']);
  return fields.map((field) => {
    let { name } = field;
    while (seen.has(name)) name = `${name}_`;
    seen.add(name);
    return { ...field, name };
  });
}

function access({ name }: TypeScriptField): string {
  const key = propertyName(name);
  return key.startsWith('"') ? `this[${key}]` : `this.${key}`;
}

function accessors(field: TypeScriptField): string {
  const { name, at, type, read, write, bytes } = field;
  const key = propertyName(name);
  const both = `
  /** ${field.comment} */
  get ${key}(): ${/View\(/.test(read(at)) && !type.startsWith('readonly') ? `${type}View` : viewType(type, read(at))} {
    return ${read(at)};
  }
  set ${key}(value: ${type}) {
    ${write(at, 'value')}
  }
`;
  if (bytes === undefined) return both;
  return `${both}
  /** The bytes of \`${name}\`. */
  get ${propertyName(`${name}Bytes`)}(): Uint8Array {
    return this.bytes.subarray(${at}, ${at} + ${bytes.length});
  }
`;
}

/** Elements of an array of structs are views too. */
function viewType(type: string, read: string): string {
  return /new \w+View\(/.test(read) ? type.replace(/(\w+)((?:\[\]|\))+)$/, '$1View$2') : type;
}

function comment(text: string): string {
  return `/** ${text.replaceAll('*/', '* /')} */\n`;
}

/** What the printed code stands on. */
const RUNTIME = `/** Byte order of the object that these types are from. */
export const LITTLE_ENDIAN: boolean = true;

/** Values of a type as bytes. */
export interface Codec<T> {
  readonly size: number;
  decode(bytes: Uint8Array, little?: boolean): T;
  encode(value: T, little?: boolean): Uint8Array;
}

interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly little: boolean;
}

function memory(bytes: Uint8Array, little: boolean): Memory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), little };
}

export function codec<T>(size: number, read: (self: Memory) => T, write: (self: Memory, value: T) => void): Codec<T> {
  return {
    size,
    decode: (bytes, little = LITTLE_ENDIAN) => read(memory(checkSize(bytes, size, 'value'), little)),
    encode(value, little = LITTLE_ENDIAN) {
      const bytes = new Uint8Array(size);
      write(memory(bytes, little), value);
      return bytes;
    },
  };
}

interface View<T> {
  readonly bytes: Uint8Array;
  assign(value: Partial<T>): unknown;
  toObject(): T;
}

export function codecOf<T>(View: { readonly size: number; new (bytes?: Uint8Array, little?: boolean): View<T> }): Codec<T> {
  return {
    size: View.size,
    decode: (bytes, little = LITTLE_ENDIAN) => new View(bytes, little).toObject(),
    encode(value, little = LITTLE_ENDIAN) {
      const view = new View(new Uint8Array(View.size), little);
      view.assign(value);
      return view.bytes;
    },
  };
}

function checkSize(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length >= size) return bytes;
  throw new RangeError(\`\${what} takes \${size} bytes, got \${bytes.length}\`);
}

/** Text up to the first zero byte. */
export function readText(bytes: Uint8Array, at: number, length: number): string {
  const part = bytes.subarray(at, at + length);
  const end = part.indexOf(0);
  return new TextDecoder().decode(end < 0 ? part : part.subarray(0, end));
}

/** Text, cut so that a zero byte follows, and zeros up to the end. */
export function writeText(bytes: Uint8Array, at: number, length: number, text: string): void {
  const part = bytes.subarray(at, at + length);
  part.fill(0);
  part.set(new TextEncoder().encode(text).subarray(0, Math.max(0, length - 1)));
}

/** Bits count from the lowest of the first byte in little-endian, from the highest in big-endian. */
function bitPlace(bit: number, little: boolean): readonly [byte: number, shift: number] {
  return [bit >> 3, little ? bit & 7 : 7 - (bit & 7)];
}

export function readBits(view: DataView, at: number, bits: number, signed: boolean, little: boolean): bigint {
  let value = 0n;
  for (let k = 0; k < bits; k++) {
    const [byte, shift] = bitPlace(at + (little ? bits - 1 - k : k), little);
    value = (value << 1n) | BigInt((view.getUint8(byte) >> shift) & 1);
  }
  return signed ? BigInt.asIntN(bits, value) : value;
}

export function writeBits(view: DataView, at: number, bits: number, value: bigint, little: boolean): void {
  for (let k = 0; k < bits; k++) {
    const [byte, shift] = bitPlace(at + (little ? k : bits - 1 - k), little);
    const bit = Number((value >> BigInt(k)) & 1n);
    view.setUint8(byte, (view.getUint8(byte) & ~(1 << shift)) | (bit << shift));
  }
}
`;
