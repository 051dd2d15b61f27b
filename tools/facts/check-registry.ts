// `npm run check:registry`: asks the running kernel everything that the registry says about 6.18, and reports differences:
// all program variants with all helpers and kfuncs, context tables, return ranges, map types, argument kinds. Needs root.
import {
  createRegistry,
  profileByName,
  profileFromProbe,
  type RegistryProfile,
} from '../../packages/helpers/src/index.ts';
import { type LiveKernel, openLiveKernel, probeKernel, probeLiveKernel } from '@polybpf/kernel';
import { programVariants } from '../../packages/kernel/src/probe/variants.ts';
import { type ArgumentReport, checkArguments } from './check-arguments.ts';
import { checkKfuncs } from './check-kfuncs.ts';
import { checkMaps } from './check-maps.ts';
import { checkResults } from './check-results.ts';
import { CONTEXT_STRUCTS, contextStructs } from './context-structs.ts';

/** What differs, in words. */
export interface RegistryReport {
  readonly kernel: string;
  readonly variants: number;
  readonly helpers: number;
  readonly kfuncs: number;
  readonly arguments: ArgumentReport;
  /** Results of calls, packet pointers after calls, pairs of helper and map type, flags of kfuncs that were compared. */
  readonly results: number;
  readonly packets: number;
  readonly maps: number;
  readonly flags: number;
  readonly differences: readonly string[];
}

/** Compares the registry's profile of the kernel's release with the kernel. */
export function checkRegistry(kernel: LiveKernel): RegistryReport {
  const probe = probeKernel(kernel);
  const theirs = profileFromProbe(probe);
  const ours = profileByName(theirs.release);
  const registry = createRegistry(ours);
  const variants = programVariants();
  const argumentReport = checkArguments(kernel, registry, variants);
  const results = checkResults(kernel, registry, variants);
  const maps = checkMaps(kernel, registry, variants);
  const kfuncs = checkKfuncs(kernel, registry, variants);
  return {
    kernel: probe.kernel.release,
    variants: Object.keys(theirs.variants).length,
    helpers: Object.keys(theirs.helpers).length,
    kfuncs: Object.keys(theirs.kfuncs).length,
    arguments: argumentReport,
    results: results.results,
    packets: results.packets,
    maps: maps.asked,
    flags: kfuncs.flags,
    differences: [
      ...profileDifferences(ours, theirs),
      ...structDifferences(ours),
      ...argumentReport.problems,
      ...results.differences,
      ...maps.differences,
      ...kfuncs.differences,
    ],
  };
}

/** What two profiles say differently; what only one of them can know is not compared. */
export function profileDifferences(ours: RegistryProfile, theirs: RegistryProfile): string[] {
  const found: string[] = [];
  const same = (what: string, a: unknown, b: unknown): void => {
    const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
    if (left !== right) found.push(`${what}: registry ${left}, kernel ${right}`);
  };
  const names = (
    what: string,
    a: Readonly<Record<string, unknown>>,
    b: Readonly<Record<string, unknown>>,
  ): string[] => {
    same(`${what} missing from the registry`, [], Object.keys(b).filter((name) => a[name] === undefined)); // prettier-ignore
    same(`${what} missing from the kernel`, Object.keys(a).filter((name) => b[name] === undefined), []); // prettier-ignore
    return Object.keys(a).filter((name) => b[name] !== undefined);
  };
  for (const name of names('helpers', ours.helpers, theirs.helpers)) {
    const [a, b] = [ours.helpers[name]!, theirs.helpers[name]!];
    same(name, [a.id, a.gplOnly, a.sleepableOnly], [b.id, b.gplOnly, b.sleepableOnly]);
  }
  for (const name of names('kfuncs', ours.kfuncs, theirs.kfuncs)) {
    const [a, b] = [ours.kfuncs[name]!, theirs.kfuncs[name]!];
    same(name, [a.ret, a.params, a.flags.includes('FASTCALL')], [b.ret, b.params.map(({ type, name: param }) => ({ type, name: param })), b.flags.includes('FASTCALL')]); // prettier-ignore
  }
  for (const group of ['mapTypes', 'programTypes', 'attachTypes'] as const) {
    for (const name of names(group, ours[group], theirs[group])) same(`${group} ${name}`, [ours[group][name]!.id, ours[group][name]!.available], [theirs[group][name]!.id, theirs[group][name]!.available]); // prettier-ignore
  }
  for (const name of names('variants', ours.variants, theirs.variants)) {
    const [a, b] = [ours.variants[name]!, theirs.variants[name]!];
    same(name, [a.typeId, a.attachTypeId, a.sleepable, a.loadable, a.testRun], [b.typeId, b.attachTypeId, b.sleepable, b.loadable, b.testRun]); // prettier-ignore
    if (!a.loadable || !b.loadable) continue; // the registry's answers are concluded there
    same(`${name} returns`, a.returns, b.returns);
    same(`${name} helpers`, sortedSet(ours.helperSets, a.helperSet), sortedSet(theirs.helperSets, b.helperSet));
    same(`${name} kfuncs`, sortedSet(ours.kfuncSets, a.kfuncSet), sortedSet(theirs.kfuncSets, b.kfuncSet));
    same(`${name} context`, a.context.access.map(accessRow), b.context.access.map(accessRow));
  }
  same('limits', ours.limits, theirs.limits);
  same('features', ours.features, theirs.features);
  return found;
}

function sortedSet(sets: RegistryProfile['helperSets'], name: string | undefined): string[] {
  return [...(sets[name ?? ''] ?? [])].sort();
}

/** The fact file calls pointers to kernel structs `btf_ptr`; the kernel says which, and how far they are trusted. */
function accessRow(row: {
  readonly offset: number;
  readonly size: number;
  readonly type: string | null;
  readonly writable: boolean;
}): string {
  // prettier-ignore
  const type = row.type !== null && /^(btf_ptr$|(\w+_)?ptr_)/.test(row.type) ? 'btf_ptr' : row.type;
  return `${row.offset},${row.size} ${type}${row.writable ? ' w' : ''}`;
}

function structDifferences(ours: RegistryProfile): string[] {
  const live = contextStructs();
  const known = new Map(Object.values(ours.variants).map(({ context }) => [context.struct, context.fields]));
  return CONTEXT_STRUCTS.flatMap((name) => {
    const fields = known.get(name);
    const a = JSON.stringify(fields?.map((field) => [field.name, field.type, field.offset, field.size]));
    const b = JSON.stringify(live[name]);
    if (name === 'pt_regs' && process.arch !== 'x64') return [];
    return fields === undefined || a === b ? [] : [`struct ${name}: registry ${a}, kernel ${b}`];
  });
}

if (process.argv[1] === import.meta.filename) {
  const probe = probeLiveKernel();
  if (!probe.available) {
    console.error(`check:registry: ${probe.reason.message}, expected ${probe.reason.expected ?? 'a usable kernel'}`);
    process.exit(3);
  }
  using kernel = openLiveKernel();
  const start = performance.now();
  const report = checkRegistry(kernel);
  for (const difference of report.differences) console.error(difference);
  const { asked, arguments: count } = report.arguments;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`check:registry: Linux ${report.kernel}: ${report.variants} variants x ${report.helpers} helpers and ${report.kfuncs} kfuncs`); // prettier-ignore
  console.log(`${count} arguments in ${asked} calls, ${report.results} results, ${report.packets} packet pointers, ${report.maps} pairs of map type and helper, ${report.flags} kfunc flags`); // prettier-ignore
  console.log(`${report.differences.length} differences, ${seconds} s`);
  process.exitCode = report.differences.length > 0 ? 1 : 0;
}
