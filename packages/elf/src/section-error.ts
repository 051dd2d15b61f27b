import { BpfError } from '@polybpf/errors';
import type { ElfSection } from './elf-file.ts';

/** E_ELF_FORMAT about one section: name and file offset as the place. */
export function sectionError(section: ElfSection, message: string, expected?: string, got?: string): BpfError {
  return new BpfError('E_ELF_FORMAT', message, {
    at: { section: section.name, offset: section.offset },
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  });
}
