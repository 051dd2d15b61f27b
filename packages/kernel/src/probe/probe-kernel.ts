/** Probes a whole kernel profile: everything is asked of the verifier, nothing is attached. */
import { readKernelConfig } from '../host.ts';
import type { LiveKernel } from '../live-kernel.ts';
import { readVmlinuxBtf } from '../load-btf.ts';
import { enumValues, helperIds, type KernelFunction, kernelFunctions } from './kernel-names.ts';
import { type CallAnswer, isGplOnly, probeHelper, probeKfunc } from './probe-calls.ts';
import { probeContext } from './probe-context.ts';
import { probeIsa, probeOpcodes } from './probe-isa.ts';
import { probeLimits } from './probe-limits.ts';
import { probeMapTypes } from './probe-maps.ts';
import { probeReturns, probeTestRun } from './probe-returns.ts';
import type { ContextAccess, KernelProfile, ProgramVariantProfile } from './profile.ts';
import { isBeforeVerifier } from './snippets.ts';
import { attachTypeId, programTypeId, programVariants, type Variant } from './variants.ts';

/** How {@link probeKernel} is watched. */
export interface ProbeOptions {
  /** Told what is done next, `done` of `total` steps. */
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

const METHOD =
  'One BPF_PROG_LOAD per (program variant, helper or kfunc, or context offset/size); allowed means that the verifier does ' +
  'not say that the call is not for the type. ctxAccess rows are [offset,size,verifierTypeOrNull,writable], offsets ' +
  '0..287 naturally aligned, null type = not readable. testRun=false means ENOTSUPP. Nothing was attached. ' +
  'helperSet/kfuncSet name entries of helperSets/kfuncSets; membership means the type may name it, sleepableOnly ' +
  'helpers and kfuncs still need a sleepable program.';

/** Build options that decide what is there. */
// prettier-ignore
const CONFIG = [
  'CONFIG_BPF', 'CONFIG_HAVE_EBPF_JIT', 'CONFIG_BPF_SYSCALL', 'CONFIG_BPF_JIT', 'CONFIG_BPF_JIT_ALWAYS_ON',
  'CONFIG_BPF_JIT_DEFAULT_ON', 'CONFIG_BPF_UNPRIV_DEFAULT_OFF', 'CONFIG_BPF_PRELOAD', 'CONFIG_BPF_PRELOAD_UMD',
  'CONFIG_BPF_LSM', 'CONFIG_SCHED_CLASS_EXT', 'CONFIG_CGROUP_BPF', 'CONFIG_KALLSYMS_ALL', 'CONFIG_KPROBES',
  'CONFIG_XDP_SOCKETS', 'CONFIG_IPV6_SEG6_BPF', 'CONFIG_NETFILTER_BPF_LINK', 'CONFIG_NET_CLS_BPF', 'CONFIG_NET_ACT_BPF',
  'CONFIG_BPF_STREAM_PARSER', 'CONFIG_LWTUNNEL_BPF', 'CONFIG_HID_BPF', 'CONFIG_DEBUG_INFO_BTF', 'CONFIG_FTRACE',
  'CONFIG_UPROBE_EVENTS', 'CONFIG_BPF_EVENTS',
];

/**
 * Probes the running kernel.
 *
 * @throws BpfError `E_UNSUPPORTED` when the kernel has no BTF
 */
export function probeKernel(kernel: LiveKernel, options: ProbeOptions = {}): KernelProfile {
  const btf = readVmlinuxBtf();
  const variants = programVariants();
  const total = variants.length + 4;
  let done = 0;
  const step = (what: string): void => options.onProgress?.(done++, total, what);

  step('map types');
  const enums = Object.fromEntries(
    ['bpf_prog_type', 'bpf_map_type', 'bpf_attach_type', 'bpf_cmd', 'bpf_link_type'].map((name) => [name, enumValues(btf, name)]), // prettier-ignore
  );
  const mapTypes = probeMapTypes(kernel, mapTypeIds(enums['bpf_map_type']!));
  step('limits');
  const limits = probeLimits(kernel);
  step('instructions');
  const isa = probeIsa(kernel);
  step('opcodes');
  const acceptedOpcodes = probeOpcodes(kernel);

  const calls = createCallTable(helperIds(btf), kernelFunctions(btf));
  const programVariantProfiles: Record<string, ProgramVariantProfile> = {};
  const contexts = new Map<string, string>();
  for (const variant of variants) {
    step(variant.name);
    programVariantProfiles[variant.name] = probeVariant(kernel, variant, calls, contexts);
  }
  options.onProgress?.(total, total, 'done');
  const loadable = Object.values(programVariantProfiles).filter((profile) => profile.loadable).length;
  return {
    kernel: describeKernel(kernel),
    method: METHOD,
    counts: {
      progTypes: distinct(enums['bpf_prog_type']!) - 1,
      mapTypes: Object.keys(mapTypes).length,
      attachTypes: distinct(enums['bpf_attach_type']!),
      cmds: distinct(enums['bpf_cmd']!),
      linkTypes: distinct(enums['bpf_link_type']!) - 1,
      helpers: calls.helpers.size,
      kfuncs: calls.kfuncs.length,
      variantsProbed: variants.length,
      variantsLoadable: loadable,
    },
    helpersInEveryProbedVariant: inEveryVariant(calls, programVariantProfiles),
    limits,
    isa,
    mapTypes,
    programVariants: programVariantProfiles,
    helpers: describeHelpers(kernel, calls),
    kfuncs: describeKfuncs(calls),
    enums,
    helperSets: calls.helperSets.byName(),
    kfuncSets: calls.kfuncSets.byName(),
    acceptedOpcodes,
  };
}

/** Answers of all variants to all calls. */
interface CallTable {
  readonly helpers: ReadonlyMap<string, number>;
  readonly kfuncs: readonly KernelFunction[];
  readonly helperAnswers: Map<string, Map<Variant, CallAnswer>>;
  readonly kfuncAnswers: Map<string, Map<Variant, CallAnswer>>;
  /** A number that programs of the variant may return. */
  readonly anyReturn: Map<Variant, number>;
  readonly helperSets: SetNames;
  readonly kfuncSets: SetNames;
}

function createCallTable(helpers: ReadonlyMap<string, number>, kfuncs: readonly KernelFunction[]): CallTable {
  return {
    helpers,
    kfuncs,
    helperAnswers: new Map([...helpers.keys()].map((name) => [name, new Map()])),
    kfuncAnswers: new Map(kfuncs.map(({ name }) => [name, new Map()])),
    anyReturn: new Map(),
    helperSets: createSetNames('H'),
    kfuncSets: createSetNames('K'),
  };
}

function probeVariant(
  kernel: LiveKernel,
  variant: Variant,
  calls: CallTable,
  contexts: Map<string, string>,
): ProgramVariantProfile {
  const { type, attachType, sleepable, target, options } = variant;
  const head = {
    progType: `BPF_PROG_TYPE_${type.toUpperCase()}`,
    progTypeId: programTypeId(type),
    expectedAttachType: attachType,
    expectedAttachTypeId: attachTypeId(attachType),
    sleepable,
  };
  const place = target === undefined ? {} : { attachBtfTarget: target };
  if (options === undefined) {
    const note = "the kernel's BTF does not have the target";
    return { ...head, loadable: false, ...place, error: 'ESRCH', note, returnValue: { accepted: [], rule: null }, ctxAccess: null }; // prettier-ignore
  }
  const { loadable, refused, returnValue, anyReturn } = probeReturns(kernel, options);
  if (!loadable) {
    const note = refused !== undefined && isBeforeVerifier(refused) ? 'refused before the verifier ran' : (refused?.message ?? ''); // prettier-ignore
    return { ...head, loadable, ...place, error: refused?.errno ?? '', note, returnValue, ctxAccess: null };
  }
  calls.anyReturn.set(variant, anyReturn);
  const testRun = type === 'struct_ops' ? {} : { testRun: probeTestRun(kernel, options, anyReturn) };
  const ctxAccess = shared(contexts, variant.name, probeContext(kernel, options, anyReturn));
  const helperSet: string[] = [];
  for (const [name, id] of calls.helpers) {
    const answer = probeHelper(kernel, options, id);
    calls.helperAnswers.get(name)!.set(variant, answer);
    if (answer.allowed) helperSet.push(name);
  }
  const kfuncSet: string[] = [];
  for (const { name, id } of calls.kfuncs) {
    const answer = probeKfunc(kernel, options, id);
    calls.kfuncAnswers.get(name)!.set(variant, answer);
    if (answer.allowed) kfuncSet.push(name);
  }
  return {
    ...head,
    loadable,
    ...place,
    returnValue,
    ...testRun,
    ctxAccess,
    helperSet: calls.helperSets.nameOf(helperSet),
    kfuncSet: calls.kfuncSets.nameOf(kfuncSet),
  };
}

/** The table, or the first variant that has the same one. */
function shared(known: Map<string, string>, name: string, rows: ContextAccess[]): ProgramVariantProfile['ctxAccess'] {
  const key = JSON.stringify(rows);
  const sameAs = known.get(key);
  if (sameAs !== undefined) return { sameAs };
  known.set(key, name);
  return rows;
}

/** Gives equal lists the same name: `H0`, `H1`, ... */
interface SetNames {
  nameOf(list: readonly string[]): string;
  byName(): Record<string, string[]>;
}

function createSetNames(prefix: string): SetNames {
  const names = new Map<string, { readonly name: string; readonly list: string[] }>();
  return {
    nameOf(list) {
      const key = list.join(' ');
      const known = names.get(key);
      if (known !== undefined) return known.name;
      const name = `${prefix}${names.size}`;
      names.set(key, { name, list: [...list] });
      return name;
    },
    byName: () => Object.fromEntries([...names.values()].map(({ name, list }) => [name, list])),
  };
}

function inEveryVariant(calls: CallTable, profiles: Record<string, ProgramVariantProfile>): string[] {
  const sets = calls.helperSets.byName();
  const used = Object.values(profiles).flatMap(({ helperSet }) => (helperSet === undefined ? [] : [new Set(sets[helperSet])])); // prettier-ignore
  return [...calls.helpers.keys()].filter((name) => used.every((set) => set.size === 0 || set.has(name)));
}

function describeHelpers(kernel: LiveKernel, calls: CallTable): KernelProfile['helpers'] {
  return Object.fromEntries(
    [...calls.helpers].map(([name, id]) => {
      const answers = calls.helperAnswers.get(name)!;
      const allowed = [...answers].filter(([, answer]) => answer.allowed);
      const all = [...answers.values()];
      const arg1Expected = allowed.find(([, answer]) => answer.arg1Expected !== undefined)?.[1].arg1Expected;
      return [
        name,
        {
          id,
          gplOnly: findGplOnly(kernel, calls, allowed, id),
          allowedInProgTypes: programTypes(allowed.map(([variant]) => variant)),
          allowedInVariants: allowed.length,
          ...(all.some(({ needsSleepable }) => needsSleepable) ? { sleepableOnly: true } : {}),
          ...(all.some(({ notAllowedHere }) => notAllowedHere) ? { sometimesNotAllowedInProbe: true } : {}),
          ...(arg1Expected === undefined ? {} : { arg1Expected }),
        },
      ];
    }),
  );
}

/** By the first variant that can be loaded under any licence. */
function findGplOnly(
  kernel: LiveKernel,
  calls: CallTable,
  allowed: readonly (readonly [Variant, CallAnswer])[],
  id: number,
): boolean | null {
  for (const [variant] of allowed) {
    const answer = isGplOnly(kernel, variant.options!, calls.anyReturn.get(variant) ?? 0, id);
    if (answer !== undefined) return answer;
  }
  return null;
}

function describeKfuncs(calls: CallTable): KernelProfile['kfuncs'] {
  return Object.fromEntries(
    calls.kfuncs.map(({ name, ret, params, fastcall }) => {
      const answers = calls.kfuncAnswers.get(name)!;
      const allowed = [...answers].filter(([, answer]) => answer.allowed);
      const sleepable = [...answers.values()].some(({ needsSleepable }) => needsSleepable);
      return [
        name,
        {
          ret,
          params: [...params],
          fastcall,
          ...(sleepable ? { sleepableOnly: true } : {}),
          allowedInProgTypes: programTypes(allowed.map(([variant]) => variant)),
        },
      ];
    }),
  );
}

function programTypes(variants: readonly Variant[]): string[] {
  return [...new Set(variants.map(({ type }) => `BPF_PROG_TYPE_${type.toUpperCase()}`))].sort();
}

/** Types by name; of several names for one number the one that is not deprecated. */
function mapTypeIds(values: Record<string, number>): Map<string, number> {
  const ids = new Map<number, string>();
  for (const [name, id] of Object.entries(values)) {
    if (id === 0 || name.endsWith('_DEPRECATED')) continue;
    if (!ids.has(id)) ids.set(id, name.replace(/^BPF_MAP_TYPE_/, ''));
  }
  return new Map([...ids].sort((a, b) => a[0] - b[0]).map(([id, name]) => [name, id]));
}

function distinct(values: Record<string, number>): number {
  return new Set(Object.values(values)).size;
}

function describeKernel(kernel: LiveKernel): KernelProfile['kernel'] {
  const { release, machine, sysctls } = kernel.host;
  const config = readKernelConfig();
  return {
    release: /^\d+\.\d+(\.\d+)?/.exec(release)?.[0] ?? release,
    machine,
    config: config === undefined ? {} : Object.fromEntries(CONFIG.map((name) => [name, config.get(name) ?? 'n'])),
    jitEnable: sysctls['net.core.bpf_jit_enable'] ?? '',
    jitHarden: sysctls['net.core.bpf_jit_harden'] ?? '',
  };
}
