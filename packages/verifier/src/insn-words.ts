/** Instructions of the kernel's log, in words. */

const OPERATIONS: Readonly<Record<string, string>> = {
  '+=': 'adds $2 to $1',
  '-=': 'subtracts $2 from $1',
  '*=': 'multiplies $1 by $2',
  '/=': 'divides $1 by $2, unsigned',
  's/=': 'divides $1 by $2, signed',
  '%=': 'takes $1 modulo $2, unsigned',
  's%=': 'takes $1 modulo $2, signed',
  '|=': 'sets the bits of $2 in $1',
  '&=': 'keeps the bits of $2 in $1',
  '^=': 'flips the bits of $2 in $1',
  '<<=': 'shifts $1 left by $2',
  '>>=': 'shifts $1 right by $2, unsigned',
  's>>=': 'shifts $1 right by $2, with the sign',
};

const COMPARISONS: Readonly<Record<string, string>> = {
  '==': 'equal to',
  '!=': 'not equal to',
  '>': 'above',
  '>=': 'at least',
  '<': 'below',
  '<=': 'at most',
  's>': 'above (signed)',
  's>=': 'at least (signed)',
  's<': 'below (signed)',
  's<=': 'at most (signed)',
  '&': 'sharing a bit with',
};

const BYTES: Readonly<Record<string, string>> = { 8: '1 byte', 16: '2 bytes', 32: '4 bytes', 64: '8 bytes' };

const upper = (register: string): string => register.replace(/^r/, 'R').replace(/^w(\d+)$/, 'the low half of R$1');

/**
 * What an instruction does.
 *
 * @param text - as in the log, without number and opcode: `r1 += 14`
 * @param insn - its number, for jump targets
 */
export function insnInWords(text: string, insn: number): string {
  let found = /^if (\S+) (\S+) (\S+) goto pc([+-]\d+)/.exec(text);
  if (found !== null) {
    const [, left, how, right, distance] = found;
    return `goes to ${insn + 1 + Number(distance)} when ${upper(left!)} is ${COMPARISONS[how!] ?? how!} ${upper(right!)}`;
  }
  found = /^(?:may_)?gotol? pc([+-]\d+)/.exec(text);
  if (found !== null) return `goes to ${insn + 1 + Number(found[1])}`;
  if (text === 'exit') return 'returns';
  found = /^call pc([+-]\d+)/.exec(text);
  if (found !== null) return `calls the function at ${insn + 1 + Number(found[1])}`;
  found = /^call (\S+)#(-?\d+)/.exec(text);
  if (found !== null) return `calls ${found[1]!}; R1 to R5 have no value afterwards`;
  found = /^\*\([us](\d+) \*\)\((r\d+) ([+-]\d+)\) = (.+)$/.exec(text);
  if (found !== null) return `stores ${upper(found[4]!)} at ${upper(found[2]!)}${found[3]!}, ${BYTES[found[1]!]!}`;
  found = /^(r\d+) = \*\(([us])(\d+) \*\)\((r\d+) ([+-]\d+)\)/.exec(text);
  if (found !== null) {
    const sign = found[2] === 's' ? ', with the sign' : '';
    return `loads ${BYTES[found[3]!]!} from ${upper(found[4]!)}${found[5]!} into ${upper(found[1]!)}${sign}`;
  }
  if (text.includes('atomic') || text.startsWith('lock ')) return 'changes memory atomically';
  found = /^([rw]\d+) (\S+) (.+)$/.exec(text);
  if (found === null) return '';
  const [, target, operation, value] = found;
  if (operation === '=') return `sets ${upper(target!)} to ${upper(value!)}`;
  return (OPERATIONS[operation!] ?? '').replace('$1', upper(target!)).replace('$2', upper(value!));
}
