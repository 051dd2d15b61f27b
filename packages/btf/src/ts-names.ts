/** Names of BTF types in TypeScript: `task_struct` becomes `TaskStruct`; anonymous types are called after where they are. */
import type { BtfType } from './btf-type.ts';

/** Words that cannot name a class, and the globals that the printed code uses. */
const TAKEN: readonly string[] = 'Array BigInt Boolean DataView Math Number Object String TextDecoder TextEncoder Uint8Array Partial Codec'.split(' '); // prettier-ignore

export interface TypeScriptNames {
  /** Name of a struct, union or enumeration; `path` names it when it has none. */
  readonly nameOf: (type: BtfType, path: string) => string;
}

export function createTypeScriptNames(): TypeScriptNames {
  const byId = new Map<number, string>();
  const taken = new Set(TAKEN);
  return {
    nameOf(type, path) {
      const known = byId.get(type.id);
      if (known !== undefined) return known;
      const wanted = pascalCase(type.name === '' ? path : type.name);
      let name = wanted;
      for (let k = 2; taken.has(name) || taken.has(`${name}View`); k++) name = `${wanted}${k}`;
      taken.add(name);
      taken.add(`${name}View`);
      byId.set(type.id, name);
      return name;
    },
  };
}

/** `bpf_map___old` as `BpfMapOld`. */
export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(joined) ? joined : `T${joined}`;
}

/** A property name as source text: quoted where it is no identifier. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== '__proto__' ? name : JSON.stringify(name);
}
