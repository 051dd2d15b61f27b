/** `--kernel` of the command line: a release, or a file of `polybpf kernel probe`. */
import { BpfError } from '@polybpf/errors';
import { PROFILE_NAMES, profileByName, profileFromProbe, type RegistryProfile } from '@polybpf/helpers';
import { parseKernelProfile } from '@polybpf/kernel';
import { readInput } from './files.ts';

/** What `--kernel` takes, for help texts. */
export const KERNEL_HELP: string = `${PROFILE_NAMES.join(', ')}, or a file of kernel probe`;

/** Whether a profile is named by its release, not by a file. */
export function isRelease(spec: string): boolean {
  return /^(?:linux-|v)?\d+\.\d+(?:\.\d+)?$/.test(spec);
}

/**
 * The profile of a release or file.
 *
 * @throws BpfError `E_INPUT` when there is none, or the file is none
 */
export function readKernelProfile(spec: string): RegistryProfile {
  if (isRelease(spec)) return profileByName(spec);
  const text = new TextDecoder().decode(readInput(spec));
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new BpfError('E_INPUT', `kernel profile: ${(error as Error).message}`, {
      at: { file: spec },
      expected: KERNEL_HELP,
    });
  }
  return profileFromProbe(parseKernelProfile(document, spec));
}

/** Profiles of a list with commas. */
export function readKernelProfiles(list: string): RegistryProfile[] {
  return list.split(',').map((spec) => readKernelProfile(spec.trim()));
}
