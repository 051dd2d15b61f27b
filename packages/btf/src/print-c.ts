import { BpfError } from '@polybpf/errors';
import type {
  Btf,
  BtfComposite,
  BtfDeclTag,
  BtfEnum,
  BtfEnum64,
  BtfFuncProto,
  BtfReference,
  BtfType,
} from './btf-type.ts';
import { createLayouts, type CLayouts, memberBudget } from './c-layout.ts';
import { createNames, type CNames, identifier } from './c-names.ts';
import { typeById } from './resolve.ts';

/** What {@link printC} prints. */
export interface PrintCOptions {
  /** Types to print, with all that they need; default: every type of the blob. */
  readonly roots?: readonly number[];
  /** Name for an include guard, and with it the pragma that makes accesses relocatable (CO-RE), as in vmlinux.h. */
  readonly guard?: string;
  /** Bytes of a pointer on the machine of the types; default 8. */
  readonly pointerSize?: number;
}

/**
 * Types as C that clang and gcc compile, with the layout that the BTF has: each before those that hold it, forward
 * declarations where types point to each other, padding, packed structs, bit fields. A tag or typedef that occurs twice
 * gets a suffix (`foo___2`). Functions that the kernel exports to programs (kfuncs) follow as prototypes.
 *
 * @throws BpfError E_BTF_TYPE for types that hold themselves or have no size
 */
export function printC(btf: Btf, options: PrintCOptions = {}): string {
  const printer = new CPrinter(btf, options.pointerSize ?? 8);
  const roots = options.roots ?? btf.types.map(({ id }) => id);
  for (const id of roots) printer.emit(id, options.roots !== undefined);
  const body = printer.finish();
  const { guard } = options;
  if (guard === undefined) return body;
  return `#ifndef ${guard}\n#define ${guard}\n\n${PRAGMA_PUSH}\n${body}\n${PRAGMA_POP}\n#endif /* ${guard} */\n`;
}

const PRAGMA_PUSH = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
`;
const PRAGMA_POP = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif
`;

/** Numbers that C has by these names; any other gets a typedef. */
const C_NUMBERS = /^(?:(?:(?:un)?signed|long|short|int|char|float|double|_Bool|__int128|_Complex)(?: |$))+$/;

/** Types nested deeper than this are hostile. */
const MAX_DEPTH = 200;

class CPrinter {
  readonly #btf: Btf;
  readonly #names: CNames;
  readonly #layouts: CLayouts;
  readonly #out: string[] = [];
  readonly #done = new Set<number>();
  readonly #open = new Set<number>();
  readonly #declared = new Set<string>();
  readonly #tags = new Map<number, BtfDeclTag[]>();
  readonly #referenced = new Set<number>();
  readonly #budget: { left: number };
  /** Steps along types; parameters of functions are written out each time, which multiplies in the same way. */
  #steps: number;

  constructor(btf: Btf, pointerSize: number) {
    this.#btf = btf;
    this.#names = createNames(btf);
    this.#budget = memberBudget(btf);
    this.#steps = (1 << 18) + 64 * btf.types.length + 16 * (btf.base?.types.length ?? 0);
    this.#layouts = createLayouts(btf, pointerSize);
    for (const type of btf.types) {
      if (type.kind === 'DECL_TAG') {
        const tags = this.#tags.get(type.type);
        if (tags === undefined) this.#tags.set(type.type, [type]);
        else tags.push(type);
      } else if ('type' in type) {
        this.#referenced.add(type.type);
      } else if (type.kind === 'STRUCT' || type.kind === 'UNION') {
        for (const member of type.members) this.#referenced.add(member.type);
      } else if (type.kind === 'FUNC_PROTO') {
        this.#referenced.add(type.returnType);
        for (const param of type.params) this.#referenced.add(param.type);
      }
    }
  }

  /** Prints what stands for itself: a type with a name, an enumeration without that nothing else holds. */
  emit(id: number, isWanted: boolean): void {
    const type = typeById(this.#btf, id);
    switch (type.kind) {
      case 'ENUM':
      case 'ENUM64':
        if (type.name !== '') this.#need(id, true, 0);
        else if (!this.#referenced.has(id)) this.#out.push(`${this.#enumText(type)};\n`);
        return;
      case 'STRUCT':
      case 'UNION':
        if (type.name !== '') this.#need(id, true, 0);
        return;
      case 'TYPEDEF':
      case 'FWD':
        return this.#need(id, true, 0);
      case 'FUNC':
        if (isWanted || this.#isKfunc(type)) this.#function(type.name, type.type, isWanted);
        return;
      case 'VAR':
      case 'DATASEC':
        if (isWanted) this.#need(type.kind === 'VAR' ? type.type : 0, true, 0);
        return;
      default:
        if (isWanted) this.#need(id, true, 0);
    }
  }

  finish(): string {
    return this.#out.join('\n');
  }

  #isKfunc({ id }: BtfType): boolean {
    return this.#tags.get(id)?.some(({ name }) => name === 'bpf_kfunc') === true;
  }

  #function(name: string, proto: number, isWanted: boolean): void {
    this.#need(proto, false, 0);
    const suffix = isWanted ? '' : ' __attribute__((weak, section(".ksyms")))';
    this.#out.push(`extern ${this.#declare(proto, identifier(name), 0)}${suffix};\n`);
  }

  /** Makes sure that a type can be named where it is used next; with `complete`, also that its size is known. */
  #need(id: number, complete: boolean, depth: number): void {
    if (depth > MAX_DEPTH || --this.#steps < 0) throw tooDeep(id);
    const type = typeById(this.#btf, id);
    const need = (other: number, isComplete: boolean): void => this.#need(other, isComplete, depth + 1);
    switch (type.kind) {
      case 'INT':
      case 'FLOAT':
        return this.#number(type);
      case 'PTR':
        return need(type.type, false);
      case 'VOLATILE':
      case 'CONST':
      case 'RESTRICT':
      case 'TYPE_TAG':
        return need(type.type, complete);
      case 'ARRAY':
        return need(type.type, true);
      case 'FUNC_PROTO':
        for (const param of type.params) need(param.type, false);
        return need(type.returnType, false);
      case 'FWD':
        return this.#forward(type);
      case 'ENUM':
      case 'ENUM64':
        if (type.name !== '' && !this.#done.has(id)) {
          this.#done.add(id);
          this.#out.push(`${this.#enumText(type)};\n`);
        }
        return;
      case 'TYPEDEF':
        return this.#typedef(type, complete, depth);
      case 'STRUCT':
      case 'UNION':
        return this.#composite(type, complete, depth);
      default:
        return;
    }
  }

  #number(type: BtfType & { readonly kind: 'INT' | 'FLOAT' }): void {
    if (this.#done.has(type.id)) return;
    this.#done.add(type.id);
    if (C_NUMBERS.test(type.name) || this.#declared.has(`number ${type.name}`)) return;
    this.#declared.add(`number ${type.name}`);
    this.#out.push(`typedef ${plainNumber(type)} ${identifier(type.name)};\n`);
  }

  #typedef(type: BtfReference, complete: boolean, depth: number): void {
    const { id } = type;
    if (!this.#done.has(id) && !this.#open.has(id)) {
      this.#open.add(id);
      this.#need(type.type, false, depth + 1);
      this.#open.delete(id);
      this.#done.add(id);
      const name = this.#names.nameOf(type);
      this.#out.push(`typedef ${this.#declare(type.type, name, 0)}${this.#tagText(id, -1)};\n`);
    }
    if (complete && !this.#open.has(id)) this.#need(type.type, true, depth + 1);
  }

  #composite(type: BtfComposite, complete: boolean, depth: number): void {
    const { id, name } = type;
    if (this.#done.has(id)) return;
    if (name !== '' && !complete) return this.#forward(type);
    if (this.#open.has(id)) {
      throw new BpfError('E_BTF_TYPE', `${type.kind} ${name === '' ? id : name} holds itself`);
    }
    this.#open.add(id);
    // What an anonymous struct holds is written where it is used, so it is needed even behind a pointer.
    for (const member of type.members) this.#need(member.type, true, depth + 1);
    this.#open.delete(id);
    this.#done.add(id);
    if (name !== '') this.#out.push(`${this.#compositeText(type, 0)};\n`);
  }

  #forward(type: BtfType): void {
    const isUnion = type.kind === 'UNION' || (type.kind === 'FWD' && type.union);
    const text = `${isUnion ? 'union' : 'struct'} ${this.#names.nameOf(type)};`;
    if (type.name === '' || this.#declared.has(text)) return;
    this.#declared.add(text);
    this.#out.push(`${text}\n`);
  }

  #enumText(type: BtfEnum | BtfEnum64): string {
    const head = `enum${type.name === '' ? '' : ` ${this.#names.nameOf(type)}`}`;
    if (type.values.length === 0) return head;
    const big = type.kind === 'ENUM64' || type.size > 4;
    const values = type.values.map(({ name, value }) => {
      return `\t${this.#names.enumerator(name)} = ${enumerator(BigInt(value), type.signed, big)},\n`;
    });
    return `${head} {\n${values.join('')}}${enumMode(type)}${this.#tagText(type.id, -1)}`;
  }

  #compositeText(type: BtfComposite, indent: number): string {
    this.#budget.left -= 1 + type.members.length;
    if (this.#budget.left < 0 || indent > MAX_DEPTH)
      throw new BpfError('E_BTF_TYPE', 'the types are too large to be printed');
    const layout = this.#layouts.layoutOf(type);
    const tabs = '\t'.repeat(indent + 1);
    const pad = (widths: readonly number[]): string =>
      widths.map((bits) => `${tabs}${layout.unit}: ${bits};\n`).join('');
    const members = layout.members.map(({ member, bits, padding }, index) => {
      const name = member.name === '' ? '' : identifier(member.name);
      const width = bits > 0 ? `: ${bits}` : '';
      return `${pad(padding)}${tabs}${this.#declare(member.type, name, indent + 1)}${width}${this.#tagText(type.id, index)};\n`;
    });
    const head = `${type.kind === 'UNION' ? 'union' : 'struct'}${type.name === '' ? '' : ` ${this.#names.nameOf(type)}`}`;
    const attributes = [...(layout.packed ? ['packed'] : []), ...(layout.aligned === undefined ? [] : [`aligned(${layout.aligned})`])]; // prettier-ignore
    const suffix = attributes.length === 0 ? '' : ` __attribute__((${attributes.join(', ')}))`;
    return `${head} {\n${members.join('')}${pad(layout.tail)}${'\t'.repeat(indent)}}${suffix}${this.#tagText(type.id, -1)}`;
  }

  #tagText(id: number, component: number): string {
    const tags = this.#tags.get(id)?.filter((tag) => tag.componentIndex === component) ?? [];
    return tags
      .map(({ name, attribute }) => ` __attribute__((${attribute ? name : `btf_decl_tag(${JSON.stringify(name)})`}))`)
      .join('');
  }

  /** A declaration: the type around `inner`, from the inside out. */
  #declare(id: number, inner: string, indent: number): string {
    if (--this.#steps < 0) throw tooDeep(id);
    let text = inner;
    let current = typeById(this.#btf, id);
    let qualifiers = NO_QUALIFIERS;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      switch (current.kind) {
        case 'CONST':
        case 'VOLATILE':
        case 'RESTRICT':
          qualifiers = withWord(qualifiers, current.kind.toLowerCase());
          current = typeById(this.#btf, current.type);
          continue;
        case 'TYPE_TAG': {
          const tag = current.attribute ? current.name : `btf_type_tag(${JSON.stringify(current.name)})`;
          qualifiers = { ...qualifiers, tags: `${qualifiers.tags} __attribute__((${tag}))` };
          current = typeById(this.#btf, current.type);
          continue;
        }
        case 'PTR': {
          const suffix = `${qualifiers.words.join(' ')}${qualifiers.tags}`;
          text = `*${suffix}${suffix !== '' && text !== '' ? ' ' : ''}${text}`;
          qualifiers = NO_QUALIFIERS;
          current = typeById(this.#btf, current.type);
          if (this.#bindsTighter(current)) text = `(${text})`;
          continue;
        }
        case 'ARRAY':
          text = `${text}[${current.nelems}]`;
          current = typeById(this.#btf, current.type);
          continue;
        case 'FUNC_PROTO': {
          text = `${text}(${this.#parameters(current, indent)})`;
          qualifiers = NO_QUALIFIERS;
          current = typeById(this.#btf, current.returnType);
          continue;
        }
        default: {
          const head = `${[...qualifiers.words, this.#base(current, indent)].join(' ')}${qualifiers.tags}`;
          return text === '' ? head : `${head} ${text}`;
        }
      }
    }
    throw tooDeep(id);
  }

  /** An array or function behind a pointer, also behind qualifiers. */
  #bindsTighter(start: BtfType): boolean {
    let type = start;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (type.kind === 'ARRAY' || type.kind === 'FUNC_PROTO') return true;
      if (type.kind !== 'CONST' && type.kind !== 'VOLATILE' && type.kind !== 'RESTRICT' && type.kind !== 'TYPE_TAG') return false; // prettier-ignore
      type = typeById(this.#btf, type.type);
    }
    return false;
  }

  #parameters({ params }: BtfFuncProto, indent: number): string {
    if (params.length === 0) return 'void';
    // A declaration without prototype: C before C23 has no other way to say it.
    if (params.length === 1 && params[0]!.type === 0 && params[0]!.name === '') return '';
    return params
      .map(({ name, type }, k) => {
        if (type === 0 && name === '' && k === params.length - 1) return '...';
        return this.#declare(type, name === '' ? '' : identifier(name), indent);
      })
      .join(', ');
  }

  #base(type: BtfType, indent: number): string {
    switch (type.kind) {
      case 'VOID':
        return 'void';
      case 'INT':
      case 'FLOAT':
        return C_NUMBERS.test(type.name) ? type.name : identifier(type.name);
      case 'STRUCT':
      case 'UNION':
        if (type.name === '') return this.#compositeText(type, indent);
        return `${type.kind === 'UNION' ? 'union' : 'struct'} ${this.#names.nameOf(type)}`;
      case 'ENUM':
      case 'ENUM64':
        return type.name === '' ? this.#enumText(type).replaceAll('\n', `\n${'\t'.repeat(indent)}`) : `enum ${this.#names.nameOf(type)}`; // prettier-ignore
      case 'FWD':
        return `${type.union ? 'union' : 'struct'} ${this.#names.nameOf(type)}`;
      case 'TYPEDEF':
        return this.#names.nameOf(type);
      default:
        throw new BpfError('E_BTF_TYPE', `${type.kind} ${type.id} is no type of a value`);
    }
  }
}

/** What stands between a type and what it qualifies: `const volatile`, and tags behind it. */
interface Qualifiers {
  readonly words: readonly string[];
  readonly tags: string;
}

const NO_QUALIFIERS: Qualifiers = { words: [], tags: '' };

/** A constant array of constants is constant once. */
function withWord(qualifiers: Qualifiers, word: string): Qualifiers {
  return qualifiers.words.includes(word) ? qualifiers : { ...qualifiers, words: [word, ...qualifiers.words] };
}

function plainNumber(type: BtfType & { readonly kind: 'INT' | 'FLOAT' }): string {
  if (type.kind === 'FLOAT') return ({ 2: '__fp16', 4: 'float', 8: 'double' } as const)[type.size as 4] ?? 'long double'; // prettier-ignore
  if ((type.encoding & 4) !== 0) return '_Bool';
  const sign = (type.encoding & 1) !== 0 ? 'signed' : 'unsigned';
  return `${sign} ${({ 1: 'char', 2: 'short', 4: 'int', 8: 'long long' } as const)[type.size as 1] ?? '__int128'}`;
}

function enumerator(value: bigint, signed: boolean, big: boolean): string {
  if (!big) return String(value);
  // The smallest number has no literal of its own.
  if (value === -(1n << 63n)) return `(${value + 1n}LL - 1)`;
  return `${value}${signed ? 'LL' : 'ULL'}`;
}

/** An enumeration takes 4 bytes, or 8 when a value needs them, unless told. */
function enumMode(type: BtfEnum | BtfEnum64): string {
  const mode = ({ 1: 'QI', 2: 'HI', 8: 'DI' } as const)[type.size as 1];
  if (mode === undefined) return '';
  const low = type.signed ? -(1n << 31n) : 0n;
  const high = type.signed ? (1n << 31n) - 1n : (1n << 32n) - 1n;
  if (type.size === 8 && type.values.some(({ value }) => BigInt(value) < low || BigInt(value) > high)) return '';
  return ` __attribute__((mode(${mode})))`;
}

function tooDeep(id: number): BpfError {
  return new BpfError(
    'E_BTF_TYPE',
    `types from ${id} on form a cycle, or a chain that is too long, or are too large to be printed`,
  );
}
