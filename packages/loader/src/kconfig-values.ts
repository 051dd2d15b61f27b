/**
 * Contents of `.kconfig`: the kernel's version and configuration as the program's extern variables want them (libbpf,
 * bpf_object__process_kconfig_line, set_kcfg_value_tri, _str and _num).
 */
import { BTF_INT_ENCODING, type Btf, resolveType } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import type { KconfigVariable } from './loaded-object.ts';

/**
 * Values by name, written as in a kernel's `.config`: `y`, `m`, `n`, `"text"`, `250`, `0x10`. Names of the kernel's
 * configuration start with `CONFIG_`; `LINUX_KERNEL_VERSION` is `KERNEL_VERSION(a, b, c)` as a number.
 */
export type KconfigValues = ReadonlyMap<string, string>;

/**
 * Reads the text of a `.config`. Comments and lines that set nothing are skipped, the first of two settings holds; the
 * release in the comment at the top becomes `LINUX_KERNEL_VERSION`.
 */
export function parseKconfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^((?:CONFIG|LINUX)_\w+)=(.+?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !values.has(name)) values.set(name, value);
  }
  const [, major, minor, patch] = /^# Linux\/\S+ (\d+)\.(\d+)\.(\d+)\S* Kernel Configuration$/m.exec(text) ?? [];
  if (major !== undefined && !values.has('LINUX_KERNEL_VERSION')) {
    // KERNEL_VERSION() has one byte for the last part.
    values.set(
      'LINUX_KERNEL_VERSION',
      String(Number(major) * 65536 + Number(minor) * 256 + Math.min(Number(patch), 255)),
    );
  }
  return values;
}

/**
 * The bytes of the map.
 *
 * @throws BpfError E_LOAD_MAP for a variable that is not weak and has no value, and for a value that does not fit its
 *   variable
 */
export function kconfigBytes(
  size: number,
  variables: readonly KconfigVariable[],
  btf: Btf,
  values: KconfigValues,
): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const variable of variables) {
    const text = values.get(variable.name);
    if (text === undefined) {
      if (variable.weak) continue;
      throw problem(variable, 'has no value in the configuration', 'a value, or a weak variable');
    }
    writeValue(bytes, variable, btf, text);
  }
  return bytes;
}

type VariableKind = 'bool' | 'char' | 'number' | 'tristate' | 'text' | 'other';

function kindOf(btf: Btf, id: number): { kind: VariableKind; signed: boolean } {
  const type = resolveType(btf, id);
  switch (type.kind) {
    case 'INT': {
      const signed = (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0;
      if ((type.encoding & BTF_INT_ENCODING.BOOL) !== 0) return { kind: type.size === 1 ? 'bool' : 'other', signed };
      if (type.size === 1) return { kind: 'char', signed };
      return { kind: [2, 4, 8].includes(type.size) ? 'number' : 'other', signed };
    }
    case 'ENUM':
    case 'ENUM64': {
      const isTristate = type.size === 4 && type.name === 'libbpf_tristate';
      return { kind: isTristate ? 'tristate' : 'other', signed: false };
    }
    case 'ARRAY': {
      const isText = type.nelems > 0 && kindOf(btf, type.type).kind === 'char';
      return { kind: isText ? 'text' : 'other', signed: false };
    }
    default:
      return { kind: 'other', signed: false };
  }
}

function writeValue(bytes: Uint8Array, variable: KconfigVariable, btf: Btf, text: string): void {
  const { kind, signed } = kindOf(btf, variable.btfTypeId);
  const { offset, size } = variable;
  const put = (value: bigint): void => {
    for (let k = 0; k < size; k++) {
      const at = btf.endian === 'little' ? k : size - 1 - k;
      bytes[offset + at] = Number((value >> BigInt(8 * k)) & 0xffn);
    }
  };
  if (/^[ymn]$/.test(text)) {
    switch (kind) {
      case 'bool':
        if (text === 'm') throw problem(variable, 'is a bool, and the value is m', 'y or n');
        return put(text === 'y' ? 1n : 0n);
      case 'tristate':
        return put(BigInt('nym'.indexOf(text)));
      case 'char':
        return put(BigInt(text.charCodeAt(0)));
      default:
        throw problem(variable, `cannot hold ${text}`, 'bool, enum libbpf_tristate or char');
    }
  }
  if (text.startsWith('"')) {
    const quoted = /^"(.*)"$/s.exec(text)?.[1];
    if (kind !== 'text' || quoted === undefined) throw problem(variable, `cannot hold ${text}`, 'an array of char');
    // Longer text is cut; the last byte stays 0.
    bytes.set(utf8(quoted).subarray(0, size - 1), offset);
    return;
  }
  const number = parseNumber(text);
  if (number === undefined || (kind !== 'number' && kind !== 'char' && !isVirtual(variable))) {
    throw problem(variable, `cannot hold ${text}`, 'an integer');
  }
  const fits = signed ? BigInt.asIntN(8 * size, number) === number : BigInt.asUintN(8 * size, number) === number;
  // What fills 64 bits is taken as it is, as by strtoull.
  if (!fits && size !== 8) throw problem(variable, `is too small for ${text}`, `${size} bytes`);
  put(BigInt.asUintN(8 * size, number));
}

/** Facts about the kernel that are no configuration; libbpf puts them as 0 or 1 into whatever the variable is. */
function isVirtual({ name }: KconfigVariable): boolean {
  return name.startsWith('LINUX_');
}

function utf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text).replace(/%(..)/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Uint8Array.from(escaped, (char) => char.charCodeAt(0));
}

function parseNumber(text: string): bigint | undefined {
  if (!/^-?(0x[0-9a-f]+|\d+)$/i.test(text)) return undefined;
  const digits = text.replace('-', '');
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits}`) : BigInt(digits);
  return text.startsWith('-') ? -value : value;
}

function problem({ name }: KconfigVariable, what: string, expected: string): BpfError {
  return new BpfError('E_LOAD_MAP', `variable ${name} of .kconfig ${what}`, { at: { section: '.kconfig' }, expected });
}
