export type { ArgumentBase, ArgumentKind, KindFlag, ResultBase, ResultKind } from './argument-kinds.ts';
export { KERNEL_PROFILES, PROFILE_NAMES, profileByName } from './kernel-profiles.ts';
export type { ProfileName } from './kernel-profiles.ts';
export { compareReleases } from './profile.ts';
export type {
  AttachTypeInfo,
  Availability,
  ContextAccess,
  ContextField,
  ContextLayout,
  HelperInfo,
  HelperPrototype,
  IsaFeature,
  KfuncFlag,
  KfuncInfo,
  Limits,
  MapTypeInfo,
  Parameter,
  ProgramTypeInfo,
  ProgramVariant,
  RegistryProfile,
  Release,
  ReturnRule,
} from './profile.ts';
export { createRegistry } from './registry.ts';
export type { Registry, VariantQuery } from './registry.ts';
