/** UTF-8 (RFC 3629) without the host's help. */

/** Bytes of a text; lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}

/** Smallest code point of a sequence of this many bytes: shorter forms are not allowed. */
const SMALLEST = [0, 0, 0x80, 0x800, 0x10000] as const;

/** The code point at a place and its length, or undefined when there is no valid one. */
function pointAt(bytes: Uint8Array, at: number): { readonly code: number; readonly length: number } | undefined {
  const first = bytes[at]!;
  if (first < 0x80) return { code: first, length: 1 };
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return undefined;
  let code = first & (0x7f >> length);
  for (let k = 1; k < length; k++) {
    const byte = bytes[at + k]!;
    if ((byte & 0xc0) !== 0x80) return undefined;
    code = (code << 6) | (byte & 63);
  }
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < SMALLEST[length]! || code > 0x10ffff || surrogate ? undefined : { code, length };
}

/** The text of bytes; each byte that is no UTF-8 becomes U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decode(bytes, false)!;
}

/** The text of bytes, or undefined when they are not UTF-8. */
export function decodeStrictText(bytes: Uint8Array): string | undefined {
  return decode(bytes, true);
}

function decode(bytes: Uint8Array, strict: boolean): string | undefined {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const point = pointAt(bytes, at);
    if (point === undefined && strict) return undefined;
    text += String.fromCodePoint(point?.code ?? 0xfffd);
    at += point?.length ?? 1;
  }
  return text;
}
