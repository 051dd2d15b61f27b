/** A profile out of what `polybpf kernel probe` writes about a kernel. */
import { BpfError } from '@polybpf/errors';
import { typeCapability } from './capabilities.ts';
import { contextLayout } from './context-layout.ts';
import { featuresOf, limitsOf } from './kernel-profiles.ts';
import type {
  Availability,
  ContextAccess,
  HelperInfo,
  KfuncInfo,
  Limits,
  ProgramVariant,
  RegistryProfile,
  Release,
  ReturnRule,
} from './profile.ts';
import { helperFacts } from './unpack-helpers.ts';
import { kernelFacts } from './unpack-kernel.ts';

/** The part of a probed profile that the registry uses; `KernelProfile` of `@polybpf/kernel` fits. */
export interface ProbedKernel {
  readonly kernel: { readonly release: string };
  readonly limits: Readonly<Record<string, unknown>>;
  readonly isa: Readonly<Record<string, { readonly ok: boolean }>>;
  readonly mapTypes: Readonly<Record<string, { readonly id: number; readonly available: boolean }>>;
  readonly programVariants: Readonly<Record<string, ProbedVariant>>;
  readonly helpers: Readonly<Record<string, { readonly id: number; readonly gplOnly: boolean | null; readonly sleepableOnly?: boolean | undefined }>>; // prettier-ignore
  readonly kfuncs: Readonly<Record<string, ProbedKfunc>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly helperSets: Readonly<Record<string, readonly string[]>>;
  readonly kfuncSets: Readonly<Record<string, readonly string[]>>;
}

interface ProbedKfunc {
  readonly ret: string;
  readonly params: readonly { readonly name: string; readonly type: string }[];
  readonly fastcall: boolean;
  readonly sleepableOnly?: boolean | undefined;
}

type AccessRow = readonly [offset: number, size: number, type: string | null, writable: boolean];

interface ProbedVariant {
  readonly progType: string;
  readonly progTypeId: number;
  readonly expectedAttachType: string | null;
  readonly expectedAttachTypeId: number | null;
  readonly sleepable: boolean;
  readonly loadable: boolean;
  readonly attachBtfTarget?: string | undefined;
  readonly returnValue: { readonly accepted: readonly number[]; readonly rule: string | null };
  readonly testRun?: boolean | undefined;
  readonly ctxAccess?: readonly AccessRow[] | { readonly sameAs: string } | null | undefined;
  readonly helperSet?: string | undefined;
  readonly kfuncSet?: string | undefined;
}

/**
 * The profile of a probed kernel. Prototypes of helpers, flags of kfuncs and fields of contexts are not to be had by
 * probing: they are those of 6.18 where the name is the same.
 *
 * @throws BpfError `E_INPUT` when the release is no release
 */
export function profileFromProbe(probed: ProbedKernel): RegistryProfile {
  const release = /^\d+\.\d+/.exec(probed.kernel.release)?.[0];
  if (release === undefined) {
    throw new BpfError('E_INPUT', 'release of the kernel profile', {
      expected: 'a release like 6.18',
      got: probed.kernel.release,
    });
  }
  const facts = kernelFacts();
  const sinceOf = new Map([...facts.programTypes, ...facts.mapTypes, ...facts.attachTypes].map(({ name, since }) => [name, since])); // prettier-ignore
  const known = (since: Release | null, available = true): Availability => ({ available, since, basis: 'probed' });
  const variants = Object.entries(probed.programVariants).map(([name, variant]) =>
    makeVariant(name, variant, probed, known(sinceOf.get(variant.progType.slice('BPF_PROG_TYPE_'.length)) ?? null)),
  );
  const types = (values: Readonly<Record<string, number>> | undefined, prefix: string): [string, number][] =>
    Object.entries(values ?? {})
      .filter(([, id]) => prefix === '' || id > 0)
      .map(([name, id]) => [name.slice(prefix.length), id]);
  return {
    name: probed.kernel.release,
    release,
    basis: 'probed',
    programTypes: Object.fromEntries(
      types(probed.enums['bpf_prog_type'], 'BPF_PROG_TYPE_').map(([name, id]) => [
        name,
        { id, capability: typeCapability(name), ...known(sinceOf.get(name) ?? null), variants: variants.filter(({ type }) => type === name).map((variant) => variant.name) }, // prettier-ignore
      ]),
    ),
    variants: Object.fromEntries(variants.map((variant) => [variant.name, variant])),
    helperSets: probed.helperSets,
    kfuncSets: probed.kfuncSets,
    helpers: Object.fromEntries(
      Object.entries(probed.helpers).map(([name, helper]) => [name, makeHelper(name, helper)]),
    ),
    kfuncs: Object.fromEntries(Object.entries(probed.kfuncs).map(([name, kfunc]) => [name, makeKfunc(name, kfunc)])),
    mapTypes: Object.fromEntries(
      Object.entries(probed.mapTypes).map(([name, { id, available }]) => [name, { id, ...known(sinceOf.get(name) ?? null, available) }]), // prettier-ignore
    ),
    attachTypes: Object.fromEntries(
      types(probed.enums['bpf_attach_type'], '').map(([name, id]) => [
        name,
        { id, ...known(sinceOf.get(name) ?? null) },
      ]),
    ),
    features: featuresOf(release, probed.isa),
    limits: probedLimits(probed.limits, limitsOf(release)),
    enums: { ...facts.enums, ...probed.enums },
  };
}

function makeHelper(name: string, { id, gplOnly, sleepableOnly }: ProbedKernel['helpers'][string]): HelperInfo {
  const facts = helperFacts().find((helper) => helper.name === name);
  const basis = { available: true, since: facts?.since ?? null, basis: 'probed' } as const;
  if (facts === undefined) {
    return { id, name, ret: 'long', params: [], variadic: false, gplOnly: gplOnly === true, sleepableOnly: sleepableOnly === true, changesPacket: false, capability: null, prototypes: [], ...basis }; // prettier-ignore
  }
  return { ...facts, id, gplOnly: gplOnly ?? facts.gplOnly, sleepableOnly: sleepableOnly ?? facts.sleepableOnly, ...basis }; // prettier-ignore
}

function makeKfunc(name: string, { ret, params, fastcall, sleepableOnly }: ProbedKfunc): KfuncInfo {
  const facts = kernelFacts().kfuncs.find((kfunc) => kfunc.name === name);
  const basis = { available: true, since: facts?.since ?? null, basis: 'probed' } as const;
  const seen = [...(fastcall ? (['FASTCALL'] as const) : []), ...(sleepableOnly === true ? (['SLEEPABLE'] as const) : [])]; // prettier-ignore
  const flags = [...new Set([...(facts?.flags ?? []), ...seen])];
  return { name, ret, params, flags, flagsKnown: facts !== undefined, ...basis };
}

function makeVariant(
  name: string,
  variant: ProbedVariant,
  probed: ProbedKernel,
  availability: Availability,
): ProgramVariant {
  const type = variant.progType.slice('BPF_PROG_TYPE_'.length);
  return {
    name,
    type,
    typeId: variant.progTypeId,
    attachType: variant.expectedAttachType,
    attachTypeId: variant.expectedAttachTypeId,
    sleepable: variant.sleepable,
    target: variant.attachBtfTarget,
    loadable: variant.loadable,
    returns: returnRule(variant),
    testRun: variant.testRun ?? null,
    context: contextLayout(type, accessOf(variant, probed), kernelFacts().structs),
    helperSet: variant.helperSet,
    kfuncSet: variant.kfuncSet,
    ...availability,
  };
}

function returnRule({ loadable, returnValue }: ProbedVariant): ReturnRule {
  const range = /^\[(-?\d+), (-?\d+)\]$/.exec(returnValue.rule ?? '');
  if (range !== null) return { range: [Number(range[1]), Number(range[2])], known: true };
  return { range: null, known: loadable };
}

function accessOf({ ctxAccess }: ProbedVariant, probed: ProbedKernel): readonly ContextAccess[] {
  if (ctxAccess === null || ctxAccess === undefined) return [];
  if ('sameAs' in ctxAccess) {
    const other = probed.programVariants[ctxAccess.sameAs];
    return other === undefined ? [] : accessOf(other, probed);
  }
  return ctxAccess.map(([offset, size, accessType, writable]) => ({ offset, size, type: accessType, writable }));
}

function probedLimits(limits: Readonly<Record<string, unknown>>, usual: Limits): Limits {
  const number = (key: string, otherwise: number): number => {
    const value = limits[key];
    return typeof value === 'number' ? value : otherwise;
  };
  return {
    ...usual,
    stackBytes: number('stackBytesSingleFrame', usual.stackBytes),
    insns: number('maxInsnsStraightLinePrivileged', usual.insns),
    callFrames: number('callFrames', usual.callFrames),
    subprograms: number('subprogs', usual.subprograms),
    usedMaps: number('usedMaps', usual.usedMaps),
    pendingBranches: number('pendingBranchStates', usual.pendingBranches),
  };
}
