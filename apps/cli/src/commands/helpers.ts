/** `polybpf helpers`: helpers and kfuncs, what they take, who may call them, since when. */
import { BpfError } from '@polybpf/errors';
import {
  type ArgumentKind,
  createRegistry,
  type HelperInfo,
  KERNEL_PROFILES,
  type KfuncInfo,
  type ProgramVariant,
  type Registry,
  type ResultKind,
} from '@polybpf/helpers';
import { readKernelProfile } from '../kernel-profile.ts';
import { formatTable, printJson, printLine } from '../print.ts';

export interface HelpersFlags {
  readonly type?: string;
  readonly attachType?: string;
  readonly kernel?: string;
  readonly kfuncs?: boolean;
  readonly json?: boolean;
}

/** Runs the command. */
export function runHelpers(name: string | undefined, flags: HelpersFlags): void {
  const profile = flags.kernel === undefined ? KERNEL_PROFILES['6.18'] : readKernelProfile(flags.kernel);
  const registry = createRegistry(profile);
  const variant = flags.type === undefined ? undefined : chooseVariant(registry, flags.type, flags.attachType);
  const { helpers, kfuncs } = select(registry, variant, name, flags.kfuncs === true);
  if (flags.json === true) {
    printJson({
      kernel: profile.name,
      basis: profile.basis,
      variant: variant?.name ?? null,
      helpers: helpers.map((helper) => describeHelper(registry, helper)),
      kfuncs: kfuncs.map((kfunc) => describeKfunc(registry, kfunc)),
    });
    return;
  }
  if (name !== undefined) {
    for (const helper of helpers) showHelper(registry, helper);
    for (const kfunc of kfuncs) showKfunc(registry, kfunc);
    return;
  }
  if (helpers.length > 0) {
    const rows = helpers.map((helper) => [String(helper.id), helper.since ?? '?', marks(helper), cPrototype(helper)]);
    printLine(formatTable([['ID', 'SINCE', 'FLAGS', 'PROTOTYPE'], ...rows]));
  }
  if (kfuncs.length > 0) {
    const rows = kfuncs.map((kfunc) => [kfunc.since ?? '?', kfunc.flags.join(' ') || '-', cPrototype(kfunc)]);
    printLine(formatTable([['SINCE', 'FLAGS', 'PROTOTYPE'], ...rows]));
  }
  const of = variant === undefined ? '' : ` for ${variant.name}`;
  printLine(`\n${helpers.length + kfuncs.length} ${flags.kfuncs === true ? 'kfuncs' : 'helpers'}${of} in Linux ${profile.name} (${profile.basis})`); // prettier-ignore
}

function chooseVariant(registry: Registry, type: string, attachType: string | undefined): ProgramVariant {
  const found = registry.variant({ type, attachType }) ?? registry.variantByName(type);
  const wrong = attachType !== undefined && found?.attachType !== attachType && registry.profile.attachTypes[attachType] === undefined; // prettier-ignore
  if (found !== undefined && !wrong) return found;
  const expected = wrong ? 'an attach type such as BPF_XDP_DEVMAP' : Object.keys(registry.profile.programTypes).join(', ').toLowerCase(); // prettier-ignore
  throw new BpfError('E_INPUT', wrong ? 'attach type' : 'program type', { expected, got: wrong ? attachType : type });
}

function select(
  registry: Registry,
  variant: ProgramVariant | undefined,
  name: string | undefined,
  kfuncs: boolean,
): { helpers: readonly HelperInfo[]; kfuncs: readonly KfuncInfo[] } {
  if (name !== undefined) {
    const helper = registry.helper(/^\d+$/.test(name) ? Number(name) : name);
    const kfunc = registry.kfunc(name);
    if (helper === undefined && kfunc === undefined) {
      throw new BpfError('E_INPUT', 'name of a helper or kfunc', { expected: near(registry, name), got: name });
    }
    return { helpers: helper === undefined ? [] : [helper], kfuncs: kfunc === undefined ? [] : [kfunc] };
  }
  if (kfuncs) {
    const list = variant === undefined ? Object.values(registry.profile.kfuncs) : registry.kfuncsOf(variant);
    return { helpers: [], kfuncs: list.filter(({ available }) => available) };
  }
  const list = variant === undefined ? Object.values(registry.profile.helpers) : registry.helpersOf(variant);
  return { helpers: list.filter(({ available }) => available), kfuncs: [] };
}

/** Names that contain a word of the wrong one. */
function near(registry: Registry, name: string): string {
  const words = name.toLowerCase().split('_').filter((word) => word.length > 2 && word !== 'bpf'); // prettier-ignore
  const names = [...Object.keys(registry.profile.helpers), ...Object.keys(registry.profile.kfuncs)];
  const found = names.filter((candidate) => words.length > 0 && words.every((word) => candidate.includes(word)));
  return found.length === 0 ? 'a name such as bpf_map_lookup_elem, or an id' : found.slice(0, 8).join(', ');
}

function marks({ gplOnly, sleepableOnly, changesPacket }: HelperInfo): string {
  return [gplOnly ? 'gpl' : '', sleepableOnly ? 'sleeps' : '', changesPacket ? 'packet' : ''].filter((mark) => mark !== '').join(' ') || '-'; // prettier-ignore
}

function cPrototype(callable: HelperInfo | KfuncInfo): string {
  const join = (type: string, name: string): string => `${type}${type.endsWith('*') ? '' : ' '}${name}`;
  const params = callable.params.map(({ type, name }) => join(type.replace(/(\w)\*$/, '$1 *'), name));
  if ('variadic' in callable && callable.variadic) params.push('...');
  return `${join(callable.ret.replace(/(\w)\*$/, '$1 *'), callable.name)}(${params.join(', ') || 'void'})`;
}

/** `PTR_TO_MEM UNINIT WRITE`, `PTR_TO_BTF_ID task_struct`. */
function kindText(kind: ArgumentKind | ResultKind): string {
  const size = 'size' in kind && kind.size !== undefined ? [`${kind.size} bytes`] : [];
  return [kind.base, ...kind.flags, ...(kind.btf === undefined ? [] : [kind.btf]), ...size].join(' ');
}

function callersOf(registry: Registry, allowed: (variant: ProgramVariant) => boolean): string[] {
  return Object.values(registry.profile.variants)
    .filter(allowed)
    .map(({ name }) => name);
}

/** Types of which all variants may call it by their names, else the variants. */
function callersText(registry: Registry, allowed: (variant: ProgramVariant) => boolean): string {
  const names = Object.entries(registry.profile.programTypes).flatMap(([type, { variants }]) => {
    const callers = variants.filter((name) => allowed(registry.variantByName(name)!));
    return callers.length > 0 && callers.length === variants.length ? [type] : callers;
  });
  return `callable from: ${names.join(' ') || 'no program type that was probed'}`;
}

function showHelper(registry: Registry, helper: HelperInfo): void {
  printLine(`${cPrototype(helper)};\n`);
  const { name, basis } = registry.profile;
  const rows = [
    ['id', String(helper.id)],
    ['first kernel', helper.since ?? 'not known'],
    ['in this kernel', `${helper.available ? 'yes' : 'no'} (${name}, ${basis === 'probed' ? 'probed' : helper.basis})`],
    ['licence', helper.gplOnly ? 'GPL-compatible programs only' : 'any'],
    ['sleeps', helper.sleepableOnly ? 'yes: only sleepable programs may call it' : 'no'],
    ['packet', helper.changesPacket ? 'ends all packet pointers' : 'leaves packet pointers as they are'],
  ];
  printLine(formatTable(rows));
  for (const prototype of helper.prototypes) {
    const whose = prototype.variants === undefined ? '' : ` in ${prototype.variants.join(', ')}`;
    printLine(`\n${prototype.symbols.join(', ')}${whose}${prototype.pktAccess ? '; memory may be in the packet' : ''}`);
    const args = prototype.args.map((kind, i) => [`  r${i + 1}`, helper.params[i]?.name ?? '...', kindText(kind)]);
    printLine(formatTable([...args, ['  r0', '', kindText(prototype.result)]]));
  }
  printLine(`\n${callersText(registry, (variant) => registry.helperAllowed(variant, helper))}`);
}

function showKfunc(registry: Registry, kfunc: KfuncInfo): void {
  printLine(`${cPrototype(kfunc)};\n`);
  const { name, basis } = registry.profile;
  const rows = [
    ['first kernel', kfunc.since ?? 'not known'],
    ['in this kernel', `${kfunc.available ? 'yes' : 'no'} (${name}, ${basis === 'probed' ? 'probed' : kfunc.basis})`],
    ['flags', kfunc.flags.map((flag) => `KF_${flag}`).join(' ') || 'none'],
  ];
  printLine(formatTable(rows));
  printLine(`\n${callersText(registry, (variant) => registry.kfuncAllowed(variant, kfunc))}`);
}

function describeHelper(registry: Registry, helper: HelperInfo): object {
  return {
    id: helper.id,
    name: helper.name,
    prototype: cPrototype(helper),
    since: helper.since,
    available: helper.available,
    basis: helper.basis,
    gplOnly: helper.gplOnly,
    sleepableOnly: helper.sleepableOnly,
    changesPacket: helper.changesPacket,
    prototypes: helper.prototypes.map((prototype) => ({
      symbols: prototype.symbols,
      args: prototype.args.map(kindText),
      result: kindText(prototype.result),
      pktAccess: prototype.pktAccess,
      variants: prototype.variants ?? null,
    })),
    callers: callersOf(registry, (variant) => registry.helperAllowed(variant, helper)),
  };
}

function describeKfunc(registry: Registry, kfunc: KfuncInfo): object {
  return {
    name: kfunc.name,
    prototype: cPrototype(kfunc),
    since: kfunc.since,
    available: kfunc.available,
    basis: kfunc.basis,
    flags: kfunc.flags,
    callers: callersOf(registry, (variant) => registry.kfuncAllowed(variant, kfunc)),
  };
}
