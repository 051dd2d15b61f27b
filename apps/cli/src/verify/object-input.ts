/** What the verifier takes, made of the programs of a file as libbpf would hand them to the kernel. */
import { essentialName, resolveType } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import type { MapDef, Program } from '@polybpf/isa';
import { prepareBtf } from '@polybpf/kernel';
import type { LoadedObject } from '@polybpf/loader';
import type { VerifyInput, VerifyMap } from '@polybpf/verifier';
import { objectSymbols } from '../commands/kernel-load.ts';
import type { Input } from '../input.ts';

/** `BPF_F_SLEEPABLE` and `BPF_F_XDP_HAS_FRAGS` of program loading. */
const F_SLEEPABLE = 16;
const F_XDP_HAS_FRAGS = 32;
/** `BPF_F_MMAPABLE` and `BPF_F_RDONLY_PROG` of map creation: what libbpf makes of data sections. */
const F_MMAPABLE = 1024;
const F_RDONLY_PROG = 128;
const MAP_TYPE_ARRAY = 2;

/**
 * The inputs of a file's programs, in its order.
 *
 * @param type - type of all programs, instead of what their sections say
 * @param release - of the kernel, for externs of `.kconfig` that name it
 */
export function verifyInputs(input: Input, type: string | undefined, release: string = NEWEST_RELEASE): VerifyInput[] {
  const { object, bytes } = input;
  if (object === undefined || bytes === undefined) {
    return input.programs.map((program) => plainInput(program, type ?? program.type ?? 'socket_filter'));
  }
  const symbols = objectSymbols(bytes);
  const prepared = object.btf === undefined ? undefined : prepareBtf(object.btf, object.maps, symbols, []);
  const kconfig = kconfigOf(object, release);
  const maps = object.maps.map((map) => verifyMap(map.kind === 'kconfig' && map.initial === undefined && kconfig !== undefined ? { ...map, initial: kconfig } : map, object, prepared?.bytes, prepared?.sections)); // prettier-ignore
  return object.programs.map((program, index) => {
    const { funcInfo, frags } = object.details[index]!;
    const flags = (program.sleepable === true ? F_SLEEPABLE : 0) | (frags ? F_XDP_HAS_FRAGS : 0);
    const hasFunctions = prepared !== undefined && funcInfo.length > 0;
    return {
      ...plainInput(program, type ?? requireType(program)),
      maps,
      flags,
      license: program.license ?? '',
      ...(type === undefined && program.attachType !== undefined ? { attachType: program.attachType } : {}),
      ...(type === undefined && program.attachTo !== undefined ? { attachBtfName: program.attachTo } : {}),
      ...(type === undefined && program.type === 'struct_ops' ? structMember(object, program.name) : {}),
      ...(prepared === undefined ? {} : { btf: prepared.bytes }),
      ...(hasFunctions ? { functions: funcInfo } : {}),
    };
  });
}

const MAP_TYPE_STRUCT_OPS = 26;

/** Struct and member that a variable of the object puts the program into; nothing when none does. */
function structMember({ maps, btf }: LoadedObject, program: string): Pick<VerifyInput, 'attachBtfName' | 'attachType'> {
  for (const { type, btfValueTypeId, initialSymbols } of maps) {
    if (type !== MAP_TYPE_STRUCT_OPS || btf === undefined || btfValueTypeId === undefined) continue;
    const struct = resolveType(btf, btfValueTypeId);
    const place = initialSymbols?.find(({ kind, symbol }) => kind === 'program' && symbol === program);
    if (struct.kind !== 'STRUCT' || place === undefined) continue;
    const member = struct.members.find(({ bitOffset }) => bitOffset === place.offset * 8);
    if (member !== undefined) return { attachBtfName: essentialName(struct.name), attachType: `member ${member.name}` };
  }
  return {};
}

/** Release that profiles are asked for unless told. */
const NEWEST_RELEASE = '6.18';
/** What libbpf puts there itself, on every kernel that has the feature. */
const VIRTUAL: Readonly<Record<string, number>> = { LINUX_HAS_BPF_COOKIE: 1, LINUX_HAS_SYSCALL_WRAPPER: 1 };

/** Contents of `.kconfig`, when a release tells all of it: values of a configuration are not known here. */
function kconfigOf(object: LoadedObject, release: string): Uint8Array | undefined {
  const map = object.maps.find(({ kind }) => kind === 'kconfig');
  if (map === undefined) return undefined;
  const [major = 0, minor = 0] = release.split('.').map(Number);
  const bytes = new Uint8Array(map.valueSize);
  const view = new DataView(bytes.buffer);
  for (const { name, offset, size } of object.kconfig) {
    const value = name === 'LINUX_KERNEL_VERSION' ? major * 0x10000 + minor * 0x100 : VIRTUAL[name];
    if (value === undefined || offset + size > bytes.length) return undefined;
    if (size === 8) view.setBigUint64(offset, BigInt(value), true);
    else if (size === 4) view.setUint32(offset, value, true);
    else bytes[offset] = value;
  }
  return bytes;
}

function plainInput(program: Program, type: string): VerifyInput {
  const kfuncs = program.relocations.flatMap(({ kind, symbol, insn }): [string, number][] =>
    kind === 'kfunc' ? [[symbol.replace(/___.*$/, ''), insn]] : [],
  );
  return {
    name: program.name,
    insns: program.insns,
    maps: program.maps.map((map) => verifyMap(map, undefined, undefined, undefined)),
    type,
    lines: program.lines.map(({ insn, file, line, text }) => ({ insn, file, line, text })),
    ...(program.license === undefined ? {} : { license: program.license }),
    ...(kfuncs.length === 0 ? {} : { kfuncs }),
  };
}

function requireType(program: Program): string {
  if (program.type !== undefined) return program.type;
  throw new BpfError('E_LOAD_PROGRAM', 'the section name does not tell the program type', {
    at: { symbol: program.name, ...(program.section === undefined ? {} : { section: program.section }) },
    expected: '--type',
  });
}

function verifyMap(
  map: MapDef,
  object: LoadedObject | undefined,
  btf: Uint8Array | undefined,
  sections: ReadonlySet<string> | undefined,
): VerifyMap {
  const isData = map.kind !== 'map';
  const isConstant = map.kind === 'rodata' || map.kind === 'kconfig';
  const typed = btf !== undefined && (!isData || sections?.has(map.name) === true);
  return {
    name: map.name,
    type: isData ? MAP_TYPE_ARRAY : map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: isData ? map.flags | F_MMAPABLE | (isConstant ? F_RDONLY_PROG : 0) : map.flags,
    ...(isConstant && map.initial !== undefined ? { frozen: map.initial } : {}),
    ...(map.inner === undefined ? {} : { inner: verifyMap(map.inner, object, btf, sections) }),
    ...(map.mapExtra === undefined ? {} : { mapExtra: map.mapExtra }),
    ...(typed && btf !== undefined ? { btf } : {}),
    ...(typed && map.btfKeyTypeId !== undefined ? { btfKeyTypeId: map.btfKeyTypeId } : {}),
    ...(typed && map.btfValueTypeId !== undefined ? { btfValueTypeId: map.btfValueTypeId } : {}),
  };
}
