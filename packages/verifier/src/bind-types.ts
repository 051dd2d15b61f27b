/** BTF of a program and its maps, bound to what the verifier asks. */
import { typeById } from '@polybpf/btf';
import type { ProgramVariant, Registry } from '@polybpf/helpers';
import { BtfObjects, btfOf } from './btf-objects.ts';
import type { Env, KfuncSummary } from './env.ts';
import type { VerifyInput, VerifyMap } from './input.ts';
import { kfuncByName } from './kfunc-prototype.ts';
import { type KernelTypes, kernelTypes } from './kernel-types.ts';
import { checkMapsCanBe } from './map-create.ts';
import type { SpecialField } from './map-model.ts';
import { btfTypes } from './program-types-btf.ts';
import type { ProgramTypes } from './program-types.ts';
import { isKfuncCall } from './successors.ts';
import { LOST_TYPES, NO_TYPES } from './program-types-none.ts';
import { targetTypes } from './program-types-target.ts';
import { isKeptFromMember, structOpsTypes } from './struct-ops.ts';

/** What the rest of the verifier needs of BTF. */
export interface BoundTypes {
  readonly types: ProgramTypes;
  readonly fieldsOf: (map: VerifyMap) => readonly SpecialField[];
  /** Gives the environment what it asks of kernel functions. */
  readonly attach: (env: Env) => void;
}

/** Name of a function that a call names by its id in the kernel's BTF. */
function nameById(kernel: KernelTypes | undefined, env: Env, insn: number): string | undefined {
  if (!isKfuncCall(env, insn)) return undefined;
  const id = env.imm[insn]!;
  if (kernel === undefined || env.off[insn] !== 0 || id <= 0 || id >= kernel.btf.types.length) return undefined;
  const type = typeById(kernel.btf, id);
  return type.kind === 'FUNC' ? type.name : undefined;
}

const TARGETED: ReadonlySet<string> = new Set(['TRACING', 'LSM']);

function ownTypes({ btf, functions = [] }: VerifyInput, variant: ProgramVariant): ProgramTypes {
  if (functions.length === 0) return NO_TYPES;
  return btf === undefined ? LOST_TYPES : btfTypes(btfOf(btf), functions, variant);
}

/** Reads the BTF of a program. */
export function bindTypes(
  input: VerifyInput,
  kernelBtf: Uint8Array | undefined,
  registry: Registry,
  variant: ProgramVariant,
): BoundTypes {
  const names = new Map((input.kfuncs ?? []).map(([name, insn]) => [insn, name]));
  const own = ownTypes(input, variant);
  const kernel = kernelBtf === undefined ? undefined : kernelTypes(btfOf(kernelBtf));
  const objects = new BtfObjects(kernel, input.btf);
  checkMapsCanBe(objects, input.maps ?? []);
  return {
    types: TARGETED.has(variant.type)
      ? { ...own, ...targetTypes(input.attachBtfName) }
      : variant.type === 'STRUCT_OPS'
        ? { ...own, ...structOpsTypes(input) }
        : own,
    fieldsOf: (map) => objects.fieldsOfMap(map),
    attach: (env) => {
      env.kernel = kernel;
      env.objects = objects;
      if (variant.type === 'STRUCT_OPS') env.isKept = (helper) => isKeptFromMember(input, kernel, helper);
      env.kfuncName = (insn) => names.get(insn) ?? nameById(kernel, env, insn);
      if (kernel !== undefined) {
        const found = new Map<string, KfuncSummary | undefined>();
        env.kfuncFlags = (insn) => {
          const name = env.kfuncName?.(insn);
          if (name === undefined) return undefined;
          if (!found.has(name)) found.set(name, kfuncByName(kernel, registry, name)?.summary);
          return found.get(name);
        };
      }
    },
  };
}
