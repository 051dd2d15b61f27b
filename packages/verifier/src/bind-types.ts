/** BTF of a program and its maps, bound to what the verifier asks. */
import type { ProgramVariant, Registry } from '@polybpf/helpers';
import type { Env } from './env.ts';
import type { VerifyInput, VerifyMap } from './input.ts';
import type { SpecialField } from './map-model.ts';
import type { ProgramTypes } from './program-types.ts';
import { NO_TYPES } from './program-types-none.ts';

/** What the rest of the verifier needs of BTF. */
export interface BoundTypes {
  readonly types: ProgramTypes;
  readonly fieldsOf: (map: VerifyMap) => readonly SpecialField[];
  /** Gives the environment what it asks of kernel functions. */
  readonly attach: (env: Env) => void;
}

/** Reads the BTF of a program. */
export function bindTypes(
  input: VerifyInput,
  _kernelBtf: Uint8Array | undefined,
  _registry: Registry,
  _variant: ProgramVariant,
): BoundTypes {
  const names = new Map((input.kfuncs ?? []).map(([name, insn]) => [insn, name]));
  return {
    types: NO_TYPES,
    fieldsOf: () => [],
    attach: (env) => {
      env.kfuncName = (insn) => names.get(insn);
    },
  };
}
