export { BAD_RELOCATION } from './apply-core.ts';
export type { AppliedCoreRelocation } from './apply-core.ts';
export { parseKconfig } from './kconfig-values.ts';
export type { KconfigValues } from './kconfig-values.ts';
export type { KernelSymbol } from './kernel-symbols.ts';
export { loadObject } from './load-object.ts';
export { generateTypeScript } from './generate-typescript.ts';
export type { GenerateTypeScriptOptions } from './generate-typescript.ts';
export type {
  GlobalVariable,
  KconfigVariable,
  LoadedObject,
  LoadOptions,
  ProgramDetails,
  UnresolvedReference,
} from './loaded-object.ts';
export { programTypeOfSection } from './program-type.ts';
export type { ProgramType } from './program-type.ts';
export { linkObjects } from './link-objects.ts';
export type { LinkInput } from './link-objects.ts';
