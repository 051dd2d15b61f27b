/** `polybpf asm`: text to bytes, hex or an ELF object. */
import { assemble, detectSyntax, type Syntax } from '@polybpf/asm';
import {
  EM,
  SHF,
  SHT,
  STB,
  STT,
  writeElf,
  type ElfRelocationDescription,
  type ElfSymbolDescription,
} from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import { encodeProgram, type Endian, type Program } from '@polybpf/isa';
import { formatHex } from '@polybpf/conformance';
import { readInput, writeOutput } from '../files.ts';
import { printJson } from '../print.ts';

export interface AsmFlags {
  readonly output?: string;
  readonly format?: 'raw' | 'hex' | 'object';
  readonly endian?: Endian;
  readonly syntax?: Syntax;
  readonly json?: boolean;
}

/** Runs the command. */
export function runAsm(path: string, flags: AsmFlags): void {
  const text = new TextDecoder().decode(readInput(path));
  const endian = flags.endian ?? 'little';
  const program = assemble(text, { endian, syntax: flags.syntax ?? detectSyntax(text), file: path });
  const format = flags.format ?? (flags.output === undefined ? 'hex' : flags.output.endsWith('.o') ? 'object' : 'raw');
  const bytes = format === 'object' ? programObject(program) : encodeProgram(program.insns, endian);
  if (flags.json === true) {
    if (flags.output !== undefined) writeOutput(flags.output, format === 'hex' ? hexText(bytes) : bytes);
    printJson({ name: program.name, endian, insns: program.insns.length, format, bytes: formatHex(bytes) });
    return;
  }
  writeOutput(flags.output ?? '-', format === 'hex' ? hexText(bytes) : bytes);
}

/** One instruction slot a line. */
function hexText(bytes: Uint8Array): string {
  return `${formatHex(bytes).replace(/(.{16})(?=.)/g, '$1\n')}\n`;
}

/**
 * A relocatable eBPF object with one program: its code in a section of its own, its functions as symbols, and map
 * references as `R_BPF_64_64` relocations to symbols of a legacy `maps` section.
 */
function programObject(program: Program): Uint8Array {
  const endian = program.endian;
  const insns = program.insns.map((insn) => ({ ...insn }));
  const symbols: ElfSymbolDescription[] = program.subprograms.map((fn, i) => ({
    name: fn.name,
    section: 0,
    value: fn.start * 8,
    size: (fn.end - fn.start) * 8,
    bind: i === 0 ? STB.STB_GLOBAL : STB.STB_LOCAL,
    type: STT.STT_FUNC,
  }));
  const mapSymbol = new Map<number, number>();
  program.maps.forEach((map, i) => {
    if (map.kind !== 'map' || map.inner !== undefined) {
      throw new BpfError('E_UNSUPPORTED', `map ${map.name} in an object written by the assembler`, {
        expected: 'maps without inner map or contents',
      });
    }
    mapSymbol.set(i, symbols.length);
    symbols.push({
      name: map.name,
      section: 1,
      value: i * LEGACY_MAP_SIZE,
      size: LEGACY_MAP_SIZE,
      bind: STB.STB_GLOBAL,
      type: STT.STT_OBJECT,
    });
  });
  const relocations: ElfRelocationDescription[] = [];
  const undefinedSymbols = new Map<string, number>();
  for (const relocation of program.relocations) {
    const insn = insns[relocation.insn]!;
    if (relocation.kind === 'map') {
      relocations.push({ offset: relocation.insn * 8, type: R_BPF_64_64, symbol: mapSymbol.get(insn.imm)! });
      insns[relocation.insn] = { ...insn, src_reg: 0, imm: 0 };
      continue;
    }
    if (relocation.kind === 'data')
      throw new BpfError('E_UNSUPPORTED', 'global data in an object written by the assembler', {
        at: { insn: relocation.insn },
      });
    let symbol = undefinedSymbols.get(relocation.symbol);
    if (symbol === undefined) {
      symbol = symbols.length;
      undefinedSymbols.set(relocation.symbol, symbol);
      symbols.push({
        name: relocation.symbol,
        section: 'undefined',
        bind: relocation.weak === true ? STB.STB_WEAK : STB.STB_GLOBAL,
      });
    }
    const isCall = insn.opcode === 0x85;
    relocations.push({ offset: relocation.insn * 8, type: isCall ? R_BPF_64_32 : R_BPF_64_64, symbol });
    insns[relocation.insn] = { ...insn, src_reg: isCall ? 1 : 0, imm: isCall ? -1 : 0 };
  }
  const alloc = SHF.SHF_ALLOC;
  const license = new TextEncoder().encode(`${program.license ?? 'GPL'}\0`);
  return writeElf({
    class: 64,
    endian,
    machine: EM.EM_BPF,
    flags: 0,
    relocationFormat: 'rel',
    sections: [
      {
        name: program.section ?? '.text',
        type: SHT.SHT_PROGBITS,
        flags: alloc | SHF.SHF_EXECINSTR,
        addralign: 8,
        data: encodeProgram(insns, endian),
        relocations,
      },
      ...(program.maps.length === 0
        ? []
        : [
            {
              name: 'maps',
              type: SHT.SHT_PROGBITS,
              flags: alloc | SHF.SHF_WRITE,
              addralign: 4,
              data: legacyMaps(program),
            },
          ]),
      { name: 'license', type: SHT.SHT_PROGBITS, flags: alloc | SHF.SHF_WRITE, addralign: 1, data: license },
    ],
    symbols,
  });
}

const R_BPF_64_64 = 1;
const R_BPF_64_32 = 10;
/** `struct bpf_map_def` of libbpf: type, key_size, value_size, max_entries, map_flags. */
const LEGACY_MAP_SIZE = 20;

function legacyMaps(program: Program): Uint8Array {
  const data = new Uint8Array(program.maps.length * LEGACY_MAP_SIZE);
  const view = new DataView(data.buffer);
  const little = program.endian === 'little';
  program.maps.forEach((map, i) => {
    [map.type, map.keySize, map.valueSize, map.maxEntries, map.flags].forEach((value, k) =>
      view.setUint32(i * LEGACY_MAP_SIZE + k * 4, value, little),
    );
  });
  return data;
}
