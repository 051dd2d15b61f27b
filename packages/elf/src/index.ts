export { isElf, readElf } from './read-elf.ts';
