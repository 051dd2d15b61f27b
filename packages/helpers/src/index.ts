export type { ArgumentBase, ArgumentKind, KindFlag, ResultBase, ResultKind } from './argument-kinds.ts';
export type { Capability } from './capabilities.ts';
export { defineHelper } from './define-helper.ts';
export type {
  HelperDefinition,
  OwnArgumentKind,
  OwnArguments,
  OwnHelper,
  OwnHelperContext,
  OwnResultKind,
} from './define-helper.ts';
export { KERNEL_PROFILES, PROFILE_NAMES, profileByName } from './kernel-profiles.ts';
export type { ProfileName } from './kernel-profiles.ts';
export { mapTakesHelper, SOCKMAP_UPDATE_TYPES } from './map-helpers.ts';
export { compareReleases } from './profile.ts';
export type {
  AttachTypeInfo,
  Availability,
  ContextAccess,
  ContextField,
  ContextLayout,
  HelperInfo,
  HelperPrototype,
  KernelFeature,
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
export { profileFromProbe } from './probed-profile.ts';
export type { ProbedKernel } from './probed-profile.ts';
