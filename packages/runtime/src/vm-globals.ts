/** Global variables of an object, by name, typed by the object's BTF. */
import { BpfError } from '@polybpf/errors';
import type { LoadedObject } from '@polybpf/loader';
import { type BtfValue, btfCodec, bytesCodec, type Codec } from './btf-codec.ts';
import type { VmMapEntry } from './vm-maps.ts';

/** One variable. */
export interface GlobalVariable {
  readonly name: string;
  readonly section: string;
  readonly offset: number;
  readonly codec: Codec;
  /** Its bytes in guest memory, a view. */
  readonly bytes: Uint8Array;
}

/** See the file's head. */
export interface Globals {
  readonly names: readonly string[];
  /**
   * The value now.
   *
   * @throws BpfError `E_INPUT` when there is no such variable
   */
  get(name: string): BtfValue;
  /** Sets it, constants too: before programs run, as user space does before it loads. */
  set(name: string, value: BtfValue): void;
  variable(name: string): GlobalVariable | undefined;
}

/** The variables of all data sections; of equal names the first counts. Without BTF a variable is its bytes. */
export function createGlobals(object: LoadedObject | undefined, maps: readonly VmMapEntry[]): Globals {
  const variables = new Map<string, GlobalVariable>();
  // Offsets come from the symbols: clang leaves those of global variables in BTF at 0 (libbpf: btf_fixup_datasec).
  for (const { name, map, offset, size, btfTypeId } of object?.variables ?? []) {
    const section = maps[map];
    const values = section?.guest?.values;
    if (section === undefined || values === undefined || variables.has(name)) continue;
    if (offset + size > values.bytes.length) continue;
    const typed = object?.btf === undefined || btfTypeId === undefined ? undefined : btfCodec(object.btf, btfTypeId);
    // A type of another size is that of a flexible array.
    const codec: Codec = typed?.size === size ? typed : bytesCodec(size);
    const bytes = values.bytes.subarray(offset, offset + size);
    variables.set(name, { name, section: section.def.name, offset, codec, bytes });
  }
  const demand = (name: string): GlobalVariable => {
    const variable = variables.get(name);
    if (variable !== undefined) return variable;
    throw new BpfError('E_INPUT', 'global variable', {
      expected: [...variables.keys()].join(', ') || 'none',
      got: name,
    });
  };
  return {
    names: [...variables.keys()],
    variable: (name) => variables.get(name),
    get(name) {
      const { codec, bytes } = demand(name);
      return codec.decode(bytes);
    },
    set(name, value) {
      const { codec, bytes } = demand(name);
      bytes.set(codec.encode(value));
    },
  };
}
