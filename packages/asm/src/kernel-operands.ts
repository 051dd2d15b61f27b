/** Operators and register widths of the kernel syntax. */
import type { Assembly } from './assembly.ts';
import { NARROW } from './operands.ts';
import { fail, skipBlank } from './scanner.ts';

/** Operator characters up to the next operand: `s>>=`, `==`, `&`. */
export function readOperator(a: Assembly): string {
  const { s } = a;
  skipBlank(s);
  const start = s.pos;
  if (s.text.charCodeAt(s.pos) === 0x73) s.pos++;
  for (;;) {
    const code = s.text.charCodeAt(s.pos);
    // ! % & * + - / < = > ^ |
    const isOperator =
      code === 0x3d ||
      code === 0x3e ||
      code === 0x3c ||
      code === 0x2b ||
      code === 0x26 ||
      code === 0x21 ||
      // prettier-ignore
      code === 0x7c ||
      code === 0x5e ||
      code === 0x25 ||
      code === 0x2a ||
      code === 0x2f ||
      code === 0x2d;
    if (!isOperator) break;
    s.pos++;
    // An operator ends with its `=`, but for `==`; `&` and `<` end before a sign or a register.
    if (code === 0x3d && s.text.charCodeAt(s.pos) !== 0x3d) break;
    const next = s.text.charCodeAt(s.pos);
    if (next === 0x2d || next === 0x2b || next === 0x25) break;
  }
  return s.text.slice(start, s.pos);
}

export function sameWidth(a: Assembly, dst: number, src: number, at: number): void {
  if ((dst & NARROW) === (src & NARROW)) return;
  const expected = `${(dst & NARROW) === 0 ? 'r' : 'w'}${src & ~NARROW}, as wide as the destination`;
  fail(a.s, 'E_ASM_OPERAND', 'registers of different width', at, { expected });
}

export function registerName(register: number): string {
  return `${(register & NARROW) === 0 ? 'r' : 'w'}${register & ~NARROW}`;
}
