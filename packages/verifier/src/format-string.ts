/** Format strings of bpf_snprintf, as far as the verifier reads them (kernel: bpf_bprintf_prepare). */

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isAlnum = (c: number): boolean => isDigit(c) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
const isPrint = (c: number): boolean => c >= 0x20 && c < 0x7f;
const isSpace = (c: number): boolean => c === 0x20 || (c >= 9 && c <= 13);
const isPunct = (c: number): boolean => isPrint(c) && c !== 0x20 && !isAlnum(c);

/** Whether the zero-terminated string at `from` is a format for `args` 64-bit arguments. */
export function isPrintable(bytes: Uint8Array, from: number, args: number): boolean {
  const end = bytes.indexOf(0, from);
  if (end < 0) return false;
  const at = (i: number): number => bytes[i] ?? 0;
  let used = 0;
  for (let i = from; i < end; i++) {
    if ((!isPrint(at(i)) && !isSpace(at(i))) || at(i) >= 0x80) return false;
    if (at(i) !== 0x25) continue;
    if (at(i + 1) === 0x25) {
      i++;
      continue;
    }
    if (used >= args) return false;
    i++;
    while ('0+- '.includes(String.fromCharCode(at(i))) && at(i) !== 0) i++;
    if (at(i) >= 0x31 && at(i) <= 0x39) {
      i++;
      while (isDigit(at(i))) i++;
    }
    let size = 4;
    const c = String.fromCharCode(at(i));
    if (c === 'p') {
      const next = String.fromCharCode(at(i + 1));
      const third = String.fromCharCode(at(i + 2));
      if ((next === 'k' || next === 'u') && third === 's') {
        i += 2;
        used++;
        continue;
      }
      const plain = at(i + 1) === 0 || isSpace(at(i + 1)) || isPunct(at(i + 1)) || 'KxsSB'.includes(next);
      if (plain) {
        if ('KxsSB'.includes(next) && at(i + 1) !== 0) i++;
        used++;
        continue;
      }
      if ((next !== 'i' && next !== 'I') || (third !== '4' && third !== '6')) return false;
      i += 2;
      used++;
      continue;
    }
    if (c === 's' || c === 'c') {
      used++;
      if (c === 'c') continue;
      if (at(i + 1) !== 0 && !isSpace(at(i + 1)) && !isPunct(at(i + 1))) return false;
      continue;
    }
    if (c === 'l') {
      size = 8;
      i++;
      if (String.fromCharCode(at(i)) === 'l') i++;
    }
    if (!'idux'.includes(String.fromCharCode(at(i))) || at(i) === 0) {
      if (at(i) !== 0x58) return false;
    }
    if (size > 0) used++;
  }
  return used === args;
}
