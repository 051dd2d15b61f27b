export { loadObject } from './load-object.ts';
export type {
  KconfigVariable,
  LoadedObject,
  LoadOptions,
  ProgramDetails,
  UnresolvedReference,
} from './loaded-object.ts';
export { programTypeOfSection } from './program-type.ts';
export type { ProgramType } from './program-type.ts';
