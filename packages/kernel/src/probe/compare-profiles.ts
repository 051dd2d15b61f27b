/** Differences between two kernel profiles, by place. Sets of helpers and kfuncs are compared by what is in them. */
import type { KernelProfile } from './profile.ts';

/** One difference. */
export interface ProfileDifference {
  /** E.g. `programVariants.XDP.ctxAccess[16,4]`. */
  readonly path: string;
  /** JSON of the value in the first profile; undefined where it has none. */
  readonly ours: string | undefined;
  readonly theirs: string | undefined;
  /** Why it is no difference of the kernels, where that is known. */
  readonly explanation: string | undefined;
}

/** Differences between ways of probing: what is asked is the same, and the answer says so. */
const EXPLANATIONS: readonly {
  readonly path: RegExp;
  readonly ours: RegExp;
  readonly theirs: RegExp;
  readonly why: string;
}[] = [
  {
    path: /\.ctxAccess\.\d+,\d+$/,
    ours: /^\["(\w+_)?ptr_/,
    theirs: /^\["btf_ptr"/,
    why: 'the other profile calls a pointer to a kernel struct btf_ptr; this one says which struct, and whether it is trusted',
  },
  {
    path: /\.returnValue\.rule$/,
    ours: /^"(any scalar|\[)/,
    theirs: /cannot use helper bpf_get_prandom_u32/,
    why: 'the other profile made its unknown number with a helper that this type does not have; here it is half a pointer',
  },
];

/** What differs, in the order of the profile. The description of the method is not compared. */
export function compareProfiles(ours: KernelProfile, theirs: KernelProfile): ProfileDifference[] {
  const differences: ProfileDifference[] = [];
  compareValues(flatten(ours), flatten(theirs), '', differences);
  return differences;
}

/** Replaces names of sets by their members and lists by objects, so that an addition is one difference. */
function flatten(profile: KernelProfile): Record<string, unknown> {
  const { method: _method, helperSets, kfuncSets, programVariants, acceptedOpcodes, ...rest } = profile;
  const variants = Object.fromEntries(
    Object.entries(programVariants).map(([name, variant]) => {
      const { helperSet, kfuncSet, ctxAccess, ...others } = variant;
      return [
        name,
        {
          ...others,
          ctxAccess: accessTable(profile, ctxAccess),
          helpers: members(helperSet === undefined ? [] : (helperSets[helperSet] ?? [])),
          kfuncs: members(kfuncSet === undefined ? [] : (kfuncSets[kfuncSet] ?? [])),
        },
      ];
    }),
  );
  return { ...rest, programVariants: variants, acceptedOpcodes: { bytes: members(acceptedOpcodes.bytes), atomicImm: members(acceptedOpcodes.atomicImm.map(String)) } }; // prettier-ignore
}

function accessTable(
  profile: KernelProfile,
  access: KernelProfile['programVariants'][string]['ctxAccess'],
): Record<string, unknown> | null {
  if (access === null || access === undefined) return null;
  if ('sameAs' in access) return accessTable(profile, profile.programVariants[access.sameAs]?.ctxAccess);
  return Object.fromEntries(access.map(([offset, size, type, writable]) => [`${offset},${size}`, [type, writable]]));
}

function members(list: readonly string[]): Record<string, boolean> {
  return Object.fromEntries(list.map((name) => [name, true]));
}

function compareValues(ours: unknown, theirs: unknown, path: string, out: ProfileDifference[]): void {
  if (isObject(ours) && isObject(theirs)) {
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      compareValues(ours[key], theirs[key], path === '' ? key : `${path}.${key}`, out);
    }
    return;
  }
  const a = ours === undefined ? undefined : JSON.stringify(ours);
  const b = theirs === undefined ? undefined : JSON.stringify(theirs);
  if (a !== b) out.push({ path, ours: a, theirs: b, explanation: explain(path, a, b) });
}

function explain(path: string, ours = '', theirs = ''): string | undefined {
  return EXPLANATIONS.find((row) => row.path.test(path) && row.ours.test(ours) && row.theirs.test(theirs))?.why;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
