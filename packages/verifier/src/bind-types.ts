/** BTF of a program and its maps, bound to what the verifier asks. */
import { type Btf, parseBtf } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import type { ProgramVariant, Registry } from '@polybpf/helpers';
import { type Env, notModelled } from './env.ts';
import type { VerifyInput, VerifyMap } from './input.ts';
import { specialFields } from './map-fields.ts';
import type { SpecialField } from './map-model.ts';
import { btfTypes } from './program-types-btf.ts';
import type { ProgramTypes } from './program-types.ts';
import { NO_TYPES } from './program-types-none.ts';

/** What the rest of the verifier needs of BTF. */
export interface BoundTypes {
  readonly types: ProgramTypes;
  readonly fieldsOf: (map: VerifyMap) => readonly SpecialField[];
  /** Gives the environment what it asks of kernel functions. */
  readonly attach: (env: Env) => void;
}

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

/** Reads the BTF of a program. */
export function bindTypes(
  input: VerifyInput,
  _kernelBtf: Uint8Array | undefined,
  _registry: Registry,
  variant: ProgramVariant,
): BoundTypes {
  const names = new Map((input.kfuncs ?? []).map(([name, insn]) => [insn, name]));
  const functions = input.functions ?? [];
  const hasTypes = input.btf !== undefined && functions.length > 0;
  return {
    types: hasTypes ? btfTypes(btfOf(input.btf!), functions, variant) : NO_TYPES,
    fieldsOf: (map) =>
      map.btf === undefined || (map.btfValueTypeId ?? 0) === 0 ? [] : specialFields(btfOf(map.btf), map.btfValueTypeId!),
    attach: (env) => {
      env.kfuncName = (insn) => names.get(insn);
    },
  };
}
