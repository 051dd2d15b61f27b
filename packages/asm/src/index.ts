export { assemble, detectSyntax, parseInsns } from './assemble.ts';
export type { AssembleOptions } from './assemble.ts';
export { disassemble, formatInsn, slotsAt } from './disassemble.ts';
export type { DisassembleOptions } from './disassemble.ts';
export type { FormatStyle } from './format-style.ts';
export { formatMapDirective } from './map-directive.ts';
export type { Syntax } from './syntax.ts';
