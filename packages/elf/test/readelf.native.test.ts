import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ElfFile } from '../src/elf-file.ts';
import { readElf } from '../src/read-elf.ts';
import { writeElf, type ElfDescription } from '../src/write-elf.ts';
import { executableHeaderSize, writeElfExecutable } from '../src/write-executable.ts';
import { elfDescription } from './arbitrary-elf.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const SOURCE = `
extern int imported(int), weak_one(void) __attribute__((weak));
static int hidden_state; int shared = 5; const char text[] = "words"; int zeros[40];
__attribute__((noinline)) static int local(int x) { return imported(x) + hidden_state++ + shared; }
int exported(int x) { return local(x) + text[x & 3] + zeros[x & 7] + (weak_one ? weak_one() : 0); }
int (*table[2])(int) = { exported, imported };
`;

const COMPILERS: readonly (readonly [string, ...string[]])[] = [
  ['clang-19', '-target', 'bpfel', '-g', '-O2'],
  ['clang-19', '-target', 'bpfeb', '-g', '-O2'],
  ['clang-14', '-target', 'bpfel', '-O2'],
  ['clang-14', '-target', 'bpfeb', '-O1', '-g'],
  ['bpf-gcc', '-O2', '-gbtf'],
  ['bpf-gcc', '-O2', '-mbig-endian'],
  ['gcc', '-O2', '-g', '-ffunction-sections'],
  ['aarch64-linux-gnu-gcc', '-O2', '-g'],
  ['s390x-linux-gnu-gcc', '-O2', '-g'],
  ['clang-19', '-target', 'i386', '-O2'],
  ['clang-19', '-target', 'armeb', '-O2'],
  ['clang-19', '-target', 'mips64', '-O2'],
  ['clang-19', '-target', 'mips64el', '-O2', '-g'],
  ['clang-19', '-target', 'mips', '-O2', '-g'],
  ['clang-19', '-target', 'powerpc64', '-O2'],
  ['clang-19', '-target', 'sparcv9', '-O2'],
  ['clang-19', '-target', 'riscv64', '-O2'],
  ['clang-19', '-target', 'loongarch64', '-O2'],
];

describeWithTools(['llvm-readelf-19', ...new Set(COMPILERS.map(([tool]) => tool))], 'readElf against readelf', () => {
  test.each(COMPILERS.map((command) => [command.join(' '), command] as const))('%s', (_, [tool, ...args]) => {
    inTemporaryFolder((folder) => {
      writeFileSync(join(folder, 'a.c'), SOURCE);
      const object = join(folder, 'a.o');
      run(tool, ...args, '-c', join(folder, 'a.c'), '-o', object);
      const elf = expectSameAsReadelf(object);
      expect(elf.relocations.length).toBeGreaterThan(0);
      expect(elf.symbols.map((symbol) => symbol.name)).toContain('exported');
    });
  });

  test.each(['/bin/true', process.execPath, '/usr/bin/ld'])('executable %s', (path) => {
    const elf = expectSameAsReadelf(path);
    expect(elf.programHeaders.length).toBeGreaterThan(3);
    expect(elf.symbolTables.some((table) => table.dynamic)).toBe(true);
  });
});

describeWithTools(['readelf', 'llvm-readelf-19'], 'writeElf against readelf', () => {
  test('any object reads the same in llvm-readelf', () => {
    inTemporaryFolder((folder) => {
      const path = join(folder, 'a.o');
      fc.assert(
        fc.property(elfDescription, (description) => {
          // llvm-readelf prints the words of SHT_NOTE; random bytes in one are an error there, and not our subject.
          const sections = description.sections.map((section) => ({ ...section, type: 1 }));
          writeFileSync(path, writeElf({ ...description, sections }));
          expectSameAsReadelf(path);
        }),
        { numRuns: 40 },
      );
    });
  });

  test('GNU readelf has nothing to complain about', () => {
    inTemporaryFolder((folder) => {
      for (const elfClass of [32, 64] as const) {
        for (const endian of ['little', 'big'] as const) {
          const path = join(folder, 'a.o');
          writeFileSync(path, writeElf(callObject({ class: elfClass, endian, machine: 21, type: 10 })));
          const { stdout, stderr } = spawnSync('readelf', ['-aW', path], { encoding: 'utf8' });
          expect(stderr).toBe('');
          expect(stdout).not.toMatch(/warning|error|corrupt/i);
          expect(stdout).toMatch(/FUNC +GLOBAL DEFAULT +1 answer/);
          expect(stdout).toMatch(elfClass === 64 ? /R_PPC64_REL24 .* imported - 4/ : /imported - 4/);
        }
      }
    });
  });
});

interface CallTarget extends Pick<ElfDescription, 'class' | 'endian' | 'machine' | 'flags'> {
  readonly code?: Uint8Array;
  readonly type: number;
  readonly offset?: number;
}

/** `answer` calls the undefined `imported`. */
function callObject({ code, type, offset, ...identity }: CallTarget): ElfDescription {
  const data = code ?? new Uint8Array(16);
  return {
    ...identity,
    gnuStackNote: true,
    sections: [
      {
        name: '.text',
        flags: 6,
        addralign: 16,
        data,
        relocations: [{ offset: offset ?? 4, type, symbol: 1, addend: -4 }],
      },
    ],
    symbols: [
      { name: 'answer', section: 0, type: 2, size: data.length },
      { name: 'imported', section: 'undefined' },
      { name: 'note.c', section: 'absolute', type: 4, bind: 0 },
    ],
  };
}

describeWithTools(['gcc', 'aarch64-linux-gnu-ld', 's390x-linux-gnu-ld'], 'platform linkers', () => {
  test.runIf(process.arch === 'x64')('gcc links an x86_64 object, without a warning, and it runs', () => {
    inTemporaryFolder((folder) => {
      // sub rsp, 8; call imported (R_X86_64_PLT32, S + A - P); add eax, 2; add rsp, 8; ret
      const code = Uint8Array.of(0x48, 0x83, 0xec, 8, 0xe8, 0, 0, 0, 0, 0x83, 0xc0, 2, 0x48, 0x83, 0xc4, 8, 0xc3);
      const object = { class: 64, endian: 'little', machine: 62, code, type: 4, offset: 5 } as const;
      writeFileSync(join(folder, 'answer.o'), writeElf(callObject(object)));
      writeFileSync(
        join(folder, 'main.c'),
        'int answer(void); int imported(void) { return 40; } int main(void) { return answer(); }',
      );
      const binary = join(folder, 'main');
      const linked = spawnSync('gcc', [join(folder, 'main.c'), join(folder, 'answer.o'), '-o', binary]);
      expect(linked.stderr.toString()).toBe('');
      expect(spawnSync(binary).status).toBe(42);
      expect(readElf(readFileSync(binary)).programHeaders.find((header) => header.type === 0x6474e551)?.flags).toBe(6);
    });
  });

  test.each([
    // bl with R_AARCH64_CALL26; its addend of -4 makes the branch land one instruction before `imported`.
    ['aarch64-linux-gnu-ld', { endian: 'little', machine: 183, type: 283 }, 0x0c, [0xfe, 0xff, 0xff, 0x97], 0x94],
    // brasl with R_390_PC32DBL at the displacement of an instruction that starts two bytes earlier.
    ['s390x-linux-gnu-ld', { endian: 'big', machine: 22, type: 19, offset: 6 }, 4, undefined, 0],
  ] as const)('%s links an object', (linker, target, at, bytes, lead) => {
    inTemporaryFolder((folder) => {
      const code = new Uint8Array(16);
      if (lead !== 0) code[15] = lead;
      const description = callObject({ class: 64, offset: at, ...target, code });
      const symbols = description.symbols.map((s) => (s.name === 'imported' ? { ...s, section: 0, value: 8 } : s));
      writeFileSync(join(folder, 'a.o'), writeElf({ ...description, symbols }));
      const linked = spawnSync(linker, ['-e', 'answer', '-o', join(folder, 'a'), join(folder, 'a.o')]);
      expect(linked.stderr.toString()).toBe('');
      const text = readElf(readFileSync(join(folder, 'a'))).sections.find((section) => section.name === '.text');
      if (bytes !== undefined) expect([...(text?.data.subarray(at, at + 4) ?? [])]).toEqual([...bytes]);
      // S + A - P halved: 8 - 4 - 6 = -2 bytes = -1 halfword.
      else expect([...(text?.data.subarray(6, 10) ?? [])]).toEqual([255, 255, 255, 255]);
    });
  });
});

test.runIf(process.arch === 'x64' && process.platform === 'linux')('a written executable exits with 42', () => {
  inTemporaryFolder((folder) => {
    const path = join(folder, 'exit');
    const vaddr = 0x40_0000 + executableHeaderSize(64, 2);
    // mov eax, 60; mov edi, [rip + 2 -> the word behind the code]; syscall
    const code = Uint8Array.of(0xb8, 60, 0, 0, 0, 0x8b, 0x3d, 2, 0, 0, 0, 0x0f, 0x05, 42, 0, 0, 0);
    const segments = [
      { vaddr, flags: 5, data: code, memsz: 8192 },
      { vaddr: 0, flags: 6, data: new Uint8Array(0), type: 0x6474e551, align: 16 },
    ];
    writeFileSync(path, writeElfExecutable({ class: 64, endian: 'little', machine: 62, entry: vaddr, segments }));
    chmodSync(path, 0o755);
    expect(spawnSync(path).status).toBe(42);
  });
});

/** Compares everything that `llvm-readelf --elf-output-style=JSON` tells of a file; returns our reading of it. */
function expectSameAsReadelf(path: string): ElfFile {
  const elf = readElf(readFileSync(path));
  const options = ['-h', '-S', '-s', '--dyn-syms', '-r', '-l', '--elf-output-style=JSON'];
  const output = execFileSync('llvm-readelf-19', [...options, path], { encoding: 'utf8', maxBuffer: 1 << 30 });
  // Addends are printed as unsigned numbers that JSON.parse would round.
  const [file] = JSON.parse(output.replace(/"Addend":(\d+)/g, '"Addend":"$1"')) as [ReadelfFile];
  const { Ident, Entry, Flags, Machine, Type } = file.ElfHeader;
  expect(elf).toMatchObject({ class: 32 * Ident.Class.Value, entry: Entry, flags: Flags.Value });
  expect(elf).toMatchObject({ machine: Machine.Value, endian: Ident.DataEncoding.Value === 1 ? 'little' : 'big' });
  expect(Type).toContain(`(0x${elf.type})`);
  expect(elf.sections.map(sectionRow)).toEqual(file.Sections.map(({ Section }) => readelfSectionRow(Section)));
  for (const table of elf.symbolTables) {
    const listed = (table.dynamic ? file.DynamicSymbols : file.Symbols) ?? [];
    expect(table.symbols.map((s) => [s.value, s.size, s.bind, s.type, s.other | s.visibility, s.section])).toEqual(
      listed.map(({ Symbol: s }) => {
        const special = s.Section.Value === 0 || s.Section.Name === 'Absolute' || s.Section.Name === 'Common';
        const section = special || s.Section.Value >= 0xff00 ? undefined : s.Section.Value;
        return [s.Value, s.Size, s.Binding.Value, s.Type.Value, s.Other.Value, section];
      }),
    );
    // llvm-readelf prints section symbols under the name of their section and versions behind dynamic names.
    const plain = table.symbols.filter((s) => s.type !== 3);
    const names = listed.filter(({ Symbol: s }) => s.Type.Value !== 3).map(({ Symbol: s }) => s.Name.Name);
    expect(plain.map((s) => s.name)).toEqual(names.map((name) => (table.dynamic ? name.replace(/@.*/, '') : name)));
  }
  expect(
    elf.relocations.map(({ section, entries }) => ({
      section,
      entries: entries.map((e) => [e.offset, e.type, e.symbol, e.addend]),
    })),
  ).toEqual(
    (file.Relocations ?? []).map(({ SectionIndex, Relocs }) => ({
      section: SectionIndex,
      entries: Relocs.map(({ Relocation: r }) => [
        r.Offset,
        r.Type.Value,
        r.Symbol.Value,
        signedAddend(r.Addend, elf.class),
      ]),
    })),
  );
  expect(
    elf.programHeaders.map((h) => [h.type, h.flags, h.offset, h.vaddr, h.paddr, h.filesz, h.memsz, h.align]),
  ).toEqual(
    (file.ProgramHeaders ?? []).flatMap(({ ProgramHeader: h }) =>
      h === undefined
        ? []
        : [
            [
              h.Type.Value,
              h.Flags.Value,
              h.Offset,
              h.VirtualAddress,
              h.PhysicalAddress,
              h.FileSize,
              h.MemSize,
              h.Alignment,
            ],
          ],
    ),
  );
  return elf;
}

function signedAddend(text: string | undefined, bits: number): number | undefined {
  return text === undefined ? undefined : Number(BigInt.asIntN(bits, BigInt(text)));
}

function sectionRow(s: ElfFile['sections'][number]): (string | number)[] {
  return [s.index, s.name, s.type, s.flags, s.addr, s.offset, s.size, s.link, s.info, s.addralign, s.entsize];
}

function readelfSectionRow(s: ReadelfSection): (string | number)[] {
  const head = [s.Index, s.Name.Name, s.Type.Value, s.Flags.Value, s.Address, s.Offset, s.Size];
  return [...head, s.Link, s.Info, s.AddressAlignment, s.EntrySize];
}

interface Named {
  readonly Name: string;
  readonly Value: number;
}

interface ReadelfSection {
  readonly Index: number;
  readonly Name: Named;
  readonly Type: Named;
  readonly Flags: Named;
  readonly Address: number;
  readonly Offset: number;
  readonly Size: number;
  readonly Link: number;
  readonly Info: number;
  readonly AddressAlignment: number;
  readonly EntrySize: number;
}

interface ReadelfSymbol {
  readonly Name: Named;
  readonly Value: number;
  readonly Size: number;
  readonly Binding: Named;
  readonly Type: Named;
  readonly Other: Named;
  readonly Section: Named;
}

interface ReadelfRelocation {
  readonly Offset: number;
  readonly Type: Named;
  readonly Symbol: Named;
  readonly Addend?: string;
}

interface ReadelfProgramHeader {
  readonly Type: Named;
  readonly Flags: Named;
  readonly Offset: number;
  readonly VirtualAddress: number;
  readonly PhysicalAddress: number;
  readonly FileSize: number;
  readonly MemSize: number;
  readonly Alignment: number;
}

interface ReadelfFile {
  readonly ElfHeader: {
    readonly Ident: { readonly Class: Named; readonly DataEncoding: Named };
    readonly Entry: number;
    readonly Flags: Named;
    readonly Machine: Named;
    readonly Type: string;
  };
  readonly Sections: readonly { readonly Section: ReadelfSection }[];
  readonly Symbols?: readonly { readonly Symbol: ReadelfSymbol }[];
  readonly DynamicSymbols?: readonly { readonly Symbol: ReadelfSymbol }[];
  readonly Relocations?: readonly {
    readonly SectionIndex: number;
    readonly Relocs: readonly { readonly Relocation: ReadelfRelocation }[];
  }[];
  readonly ProgramHeaders?: readonly { readonly ProgramHeader?: ReadelfProgramHeader }[];
}
