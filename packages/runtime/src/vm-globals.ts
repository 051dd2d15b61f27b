/** Global variables of an object, by name, typed by the BTF of their sections. */
import { type Btf, typeById } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import { type BtfValue, btfCodec, type Codec } from './btf-codec.ts';
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

/** The variables of all data sections. Static variables have the name of the source; of equal names the first counts. */
export function createGlobals(btf: Btf | undefined, maps: readonly VmMapEntry[]): Globals {
  const variables = new Map<string, GlobalVariable>();
  if (btf !== undefined) {
    for (const { def, guest } of maps) {
      if (def.kind === 'map' || guest?.values === undefined) continue;
      for (const variable of sectionVariables(btf, def.name, guest.values.bytes)) {
        if (!variables.has(variable.name)) variables.set(variable.name, variable);
      }
    }
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

function sectionVariables(btf: Btf, section: string, bytes: Uint8Array): GlobalVariable[] {
  const found = btf.types.find((type) => type.kind === 'DATASEC' && type.name === section);
  if (found?.kind !== 'DATASEC') return [];
  return found.variables.flatMap(({ type: id, offset, size }) => {
    const type = typeById(btf, id);
    if (type.kind !== 'VAR' || offset + size > bytes.length) return [];
    const codec = btfCodec(btf, type.type);
    return [{ name: type.name, section, offset, codec, bytes: bytes.subarray(offset, offset + codec.size) }];
  });
}
