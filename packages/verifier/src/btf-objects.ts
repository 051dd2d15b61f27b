/** The BTF that a program and its maps came with, the kernel's, and what their types have in them. */
import { type Btf, type BtfComposite, parseBtf, typeById } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { checkOwnership, fieldsOfObject, fieldsOfValue, type FindTarget } from './btf-record.ts';
import { notModelled, reject } from './env.ts';
import type { VerifyMap } from './input.ts';
import { isStruct, type KernelTypes, resolvedId } from './kernel-types.ts';
import type { SpecialField } from './map-model.ts';
import { ENOENT, Reject } from './reject.ts';

const parsed = new WeakMap<Uint8Array, Btf>();

/** BTF of bytes, parsed once. */
export function btfOf(bytes: Uint8Array): Btf {
  let btf = parsed.get(bytes);
  if (btf === undefined) {
    try {
      btf = parseBtf(bytes);
    } catch (error) {
      if (isBpfError(error)) return notModelled(`BTF: ${error.message}`);
      throw error;
    }
    parsed.set(bytes, btf);
  }
  return btf;
}

/** Number of the kernel's BTF; those of programs and maps are above. */
export const KERNEL_OBJECT = 0;

/** BTF by number: what a register has with its type id. The same bytes are the same object, as loaders load them once. */
export class BtfObjects {
  private readonly bytes: Uint8Array[] = [];
  private readonly numbers: Map<Uint8Array, number> = new Map();
  private readonly objects: (Btf | undefined)[];
  private readonly records: Map<Btf, Map<number, readonly SpecialField[] | undefined>> = new Map();
  readonly kernel: KernelTypes | undefined;
  /** Number of the program's BTF; {@link KERNEL_OBJECT} when it has none. */
  readonly program: number;

  constructor(kernel: KernelTypes | undefined, program: Uint8Array | undefined) {
    this.kernel = kernel;
    this.objects = [kernel?.btf];
    this.program = program === undefined ? KERNEL_OBJECT : this.numberOf(program);
  }

  /** Number of the BTF with these bytes. */
  numberOf(bytes: Uint8Array): number {
    let number = this.numbers.get(bytes);
    if (number === undefined) {
      number = this.bytes.findIndex((other) => sameBytes(other, bytes)) + 1;
      if (number === 0) {
        number = this.bytes.push(bytes);
        this.objects.push(btfOf(bytes));
      }
      this.numbers.set(bytes, number);
    }
    return number;
  }

  /** Number of the BTF of a map. */
  numberOfMap({ btf }: VerifyMap): number {
    return btf === undefined ? KERNEL_OBJECT : this.numberOf(btf);
  }

  /** BTF by number. */
  btf(object: number): Btf {
    return this.objects[object] ?? notModelled('types of the kernel, which were not given');
  }

  /** Special fields of the values of a map; none when they make no sense, as the kernel has it. */
  fieldsOfMap(map: VerifyMap): readonly SpecialField[] {
    const { btf: bytes, btfValueTypeId: id = 0 } = map;
    if (bytes === undefined || id === 0) return [];
    const object = this.numberOf(bytes);
    const btf = this.btf(object);
    return this.attempt(() => fieldsOfValue(btf, resolvedId(btf, id), this.finder(object))) ?? [];
  }

  /** Special fields of a struct of a program; undefined when it has none (kernel: btf_find_struct_meta). */
  fieldsOfObject(object: number, id: number): readonly SpecialField[] | undefined {
    if (object === KERNEL_OBJECT) return undefined;
    const btf = this.btf(object);
    let known = this.records.get(btf);
    if (known === undefined) this.records.set(btf, (known = new Map()));
    if (!known.has(id)) {
      const type = typeById(btf, id);
      const fields =
        type.kind === 'STRUCT' ? this.attempt(() => fieldsOfObject(btf, type, this.finder(object))) : undefined;
      known.set(id, fields);
    }
    return known.get(id);
  }

  /** Refuses BTF whose structs have special fields that make no sense (kernel: btf_parse_struct_metas). Throws `Reject`. */
  checkStructs(object: number): void {
    const btf = this.btf(object);
    for (const type of btf.types) {
      if (type.kind !== 'STRUCT') continue;
      const fields = fieldsOfObject(btf, type, this.finder(object));
      if (fields !== undefined) checkOwnership(fields, (id) => this.fieldsOfObject(object, id));
    }
  }

  private attempt<R>(parse: () => R): R | undefined {
    try {
      return parse();
    } catch (reason) {
      if (reason instanceof Reject) return undefined;
      throw reason;
    }
  }

  /** What kptrs of a BTF point to: the kernel's type of the name, else its own (kernel: btf_parse_kptr). */
  private finder(object: number): FindTarget {
    return (type, kptr) => {
      const kernel = this.kernel ?? notModelled('types of the kernel, which were not given');
      const id = type.name === '' ? undefined : kernel.find('STRUCT', type.name)?.id;
      if (id === undefined) return { inKernel: false, id: type.id, object };
      if (kptr === 'ref' && !ownedTypes(kernel).has(id)) reject(ENOENT, '');
      return { inKernel: true, id, object: KERNEL_OBJECT };
    };
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
}

const owned = new WeakMap<KernelTypes, ReadonlySet<number>>();
const DESTRUCTOR = /_release_dtor$/;

/** Structs of the kernel that maps may own: those that a destructor is registered for (kernel: btf_find_dtor_kfunc). */
function ownedTypes(kernel: KernelTypes): ReadonlySet<number> {
  let types = owned.get(kernel);
  if (types === undefined) {
    const found = new Set<number>();
    for (const { kind, name } of kernel.btf.types) {
      if (kind !== 'FUNC' || !DESTRUCTOR.test(name)) continue;
      const target = firstArgument(kernel, name.replace('_dtor', ''));
      if (target !== undefined) found.add(target.id);
    }
    owned.set(kernel, (types = found));
  }
  return types;
}

/** Struct that the first argument of a function of the kernel points to. */
function firstArgument(kernel: KernelTypes, name: string): BtfComposite | undefined {
  const func = kernel.find('FUNC', name);
  const proto = func?.kind === 'FUNC' ? typeById(kernel.btf, func.type) : undefined;
  const argument = proto?.kind === 'FUNC_PROTO' ? proto.params[0] : undefined;
  const pointer = argument === undefined ? undefined : typeById(kernel.btf, argument.type);
  const target = pointer?.kind === 'PTR' && pointer.type !== 0 ? typeById(kernel.btf, pointer.type) : undefined;
  return target !== undefined && isStruct(target) ? target : undefined;
}
