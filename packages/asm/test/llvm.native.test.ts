import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble, disassemble, formatInsn } from '@polybpf/asm';
import { encodeProgram, INSN_TABLE, type Endian, type Insn, type InsnRow } from '@polybpf/isa';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { insnOf } from './arbitrary-program.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const TRIPLE = { little: 'bpfel', big: 'bpfeb' } as const;
const SAMPLES_PER_ROW = 30;

interface Sample {
  readonly row: InsnRow;
  readonly slots: Insn[];
}

/** The first lines in which two listings differ; a whole diff of thousands of lines helps nobody. */
function differences(ours: readonly string[], theirs: readonly string[]): string[] {
  const lines = Array.from(
    { length: Math.max(ours.length, theirs.length) },
    (_, i) => [i, ours[i], theirs[i]] as const,
  );
  // prettier-ignore
  return lines.filter(([, a, b]) => a !== b).slice(0, 10).map(([i, a, b]) => `${i}: ours ${a}, theirs ${b}`);
}

function lines8(bytes: Uint8Array): string[] {
  return Array.from({ length: bytes.length / 8 }, (_, i) =>
    Buffer.from(bytes.subarray(i * 8, i * 8 + 8)).toString('hex'),
  );
}

/** Came with LLVM 20. */
const isNewerThanLlvm19 = ({ row }: Sample): boolean => row.kind === 'load_acquire' || row.kind === 'store_release';
/** What LLVM prints alike for several rows, or cuts; ours is longer and LLVM's assembler does not take it. */
const isExtension = ({ row, slots }: Sample): boolean =>
  row.kind === 'call_local' ||
  row.kind === 'call_kfunc' ||
  (row.kind === 'ld_imm64' && row.op !== 'imm64') ||
  (row.op === 'ind' && slots[0]!.imm !== 0);
/** Without --mcpu=v4 LLVM does not decode these, or prints a fetching addition as one that does not fetch. */
const needsV4 = ({ row }: Sample): boolean => row.kind === 'atomic' && row.width === 32 && row.op !== 'add';

/** llvm-mc 19 takes no number beyond 16 bits after gotol, only a label; llvm-objdump prints them. */
const isFarJump = ({ row, slots: [first] }: Sample): boolean =>
  row.op === 'ja32' && (first!.imm < -32768 || first!.imm > 32767);

const samples: Sample[] = INSN_TABLE.flatMap((row) => {
  const random = fc.sample(insnOf(row), { numRuns: SAMPLES_PER_ROW, seed: row.id + 1 });
  // The only immediate that LLVM has for this form.
  if (row.op === 'ind') random.push([{ ...random[0]![0]!, imm: 0 }]);
  return random.map((slots) => ({ row, slots }));
});

/** The code of an assembly file, as llvm-mc encodes it. */
function llvmAssemble(source: string, endian: Endian): Uint8Array {
  return inTemporaryFolder((folder) => {
    const [file, object, raw] = [join(folder, 'a.s'), join(folder, 'a.o'), join(folder, 'a.bin')];
    writeFileSync(file, source);
    run('llvm-mc-19', '-triple', TRIPLE[endian], '-mcpu=v4', '-filetype=obj', '-o', object, file);
    run('llvm-objcopy-19', '-O', 'binary', '-j', '.text', object, raw);
    return new Uint8Array(readFileSync(raw));
  });
}

/** One line for each instruction, without address and ` <target>`. */
function llvmDisassemble(bytes: Uint8Array, endian: Endian, ...flags: string[]): string[] {
  return inTemporaryFolder((folder) => {
    const [file, object] = [join(folder, 'a.s'), join(folder, 'a.o')];
    const lines: string[] = [];
    for (let i = 0; i < bytes.length; i += 8) lines.push(`.byte ${bytes.subarray(i, i + 8).join(',')}`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    run('llvm-mc-19', '-triple', TRIPLE[endian], '-filetype=obj', '-o', object, file);
    const text = run('llvm-objdump-19', '-d', '--no-show-raw-insn', ...flags, object);
    return text
      .split('\n')
      .filter((line) => /^\s+\d+:/.test(line))
      .map((line) => line.replace(/^\s+\d+:\s+/, '').replace(/ <[^ ]*>$/, ''));
  });
}

describeWithTools(['llvm-mc-19', 'llvm-objdump-19', 'llvm-objcopy-19', 'clang-19'], 'LLVM 19', () => {
  for (const endian of ['little', 'big'] as const) {
    for (const mcpu of ['generic', 'v4'] as const) {
      test(`llvm-mc makes our bytes of our text, ${endian} endian, ${mcpu}`, () => {
        // prettier-ignore
        const taken = samples.filter((sample) => !isNewerThanLlvm19(sample) && !isExtension(sample) && !isFarJump(sample));
        expect(new Set(taken.map(({ row }) => row.name)).size).toBe(INSN_TABLE.length - 8 - 2 - 6);
        for (const numbers of ['hex', 'decimal'] as const) {
          const text = taken.map(({ slots }) => formatInsn(slots, 0, { mcpu, numbers })).join('\n');
          // prettier-ignore
          const ours = encodeProgram(taken.flatMap(({ slots }) => slots), endian);
          expect(differences(lines8(ours), lines8(llvmAssemble(`${text}\n`, endian)))).toEqual([]);
        }
      });

      test(`llvm-objdump prints our text of our bytes, ${endian} endian, ${mcpu}`, () => {
        const known = samples.filter(
          (sample) => !isNewerThanLlvm19(sample) && !isExtension(sample) && (mcpu === 'v4' || !needsV4(sample)),
        );
        // prettier-ignore
        const bytes = encodeProgram(known.flatMap(({ slots }) => slots), endian);
        for (const numbers of ['hex', 'decimal'] as const) {
          const flags = [
            ...(mcpu === 'v4' ? ['--mcpu=v4'] : []),
            ...(numbers === 'decimal' ? ['--no-print-imm-hex'] : []),
          ];
          const theirs = llvmDisassemble(bytes, endian, ...flags);
          expect(
            differences(
              known.map(({ slots }) => formatInsn(slots, 0, { mcpu, numbers })),
              theirs,
            ),
          ).toEqual([]);
        }
      });
    }

    test(`assembles what llvm-objdump prints, ${endian} endian`, () => {
      const known = samples.filter((sample) => !isNewerThanLlvm19(sample));
      const slots = known.flatMap((sample) => sample.slots);
      const listing = inTemporaryFolder((folder) => {
        const [file, object] = [join(folder, 'a.s'), join(folder, 'a.o')];
        writeFileSync(file, `prog:\n.byte ${[...encodeProgram(slots, endian)].join(',')}\n`);
        run('llvm-mc-19', '-triple', TRIPLE[endian], '-filetype=obj', '-o', object, file);
        return run('llvm-objdump-19', '-d', '--mcpu=v4', object);
      });
      // The hex column tells what the text leaves out.
      expect(
        differences(lines8(encodeProgram(assemble(listing, { endian }).insns)), lines8(encodeProgram(slots))),
      ).toEqual([]);
      expect(() => assemble(listing, { endian: endian === 'little' ? 'big' : 'little' })).toThrow('disagree');
    });
  }

  test('listings of a whole object agree line by line, and assemble to its bytes', () => {
    inTemporaryFolder((folder) => {
      const [source, object, raw] = [join(folder, 'a.c'), join(folder, 'a.o'), join(folder, 'a.bin')];
      writeFileSync(source, C_PROGRAM);
      // prettier-ignore
      for (const [target, endian] of [['bpfel', 'little'], ['bpfeb', 'big']] as const) {
        for (const cpu of ['v1', 'v2', 'v3', 'v4']) {
          run('clang-19', '-O2', '-target', target, `-mcpu=${cpu}`, '-c', '-o', object, source);
          run('llvm-objcopy-19', '-O', 'binary', '-j', '.text', object, raw);
          // prettier-ignore
          const theirs = run('llvm-objdump-19', '-d', object).split('\n').filter((line) => /^\s+\d+:/.test(line));
          const program = assemble(run('llvm-objdump-19', '-d', object), { endian });
          expect(Buffer.from(encodeProgram(program.insns, endian)).equals(readFileSync(raw))).toBe(true);
          expect(program.name).toBe('hash');
          const options = { addresses: true, bytes: true, targets: 'annotated', directives: false } as const;
          // prettier-ignore
          const ours = disassemble(program, options).split('\n').filter((line) => /^\s+\d+:/.test(line));
          expect(differences(ours, theirs)).toEqual([]);
        }
      }
    });
  });

  test('what clang -S writes assembles to the bytes that clang -c writes', () => {
    inTemporaryFolder((folder) => {
      const [source, object, raw, text] = ['a.c', 'a.o', 'a.bin', 'a.s'].map((name) => join(folder, name));
      writeFileSync(source!, C_PROGRAM);
      for (const cpu of ['v1', 'v3', 'v4']) {
        run('clang-19', '-O2', '-target', 'bpf', `-mcpu=${cpu}`, '-c', '-o', object!, source!);
        run('clang-19', '-O2', '-target', 'bpf', `-mcpu=${cpu}`, '-S', '-o', text!, source!);
        run('llvm-objcopy-19', '-O', 'binary', '-j', '.text', object!, raw!);
        const program = assemble(readFileSync(text!, 'utf8'));
        expect(Buffer.from(encodeProgram(program.insns)).equals(readFileSync(raw!))).toBe(true);
      }
    });
  });
});

const C_PROGRAM = `
typedef unsigned long u64; typedef unsigned int u32; typedef unsigned char u8;
u64 hash(const u8 *data, u64 length, long *counter) {
  u64 state = 0xcbf29ce484222325ul;
  for (u64 i = 0; i < length; i++) { state ^= data[i]; state *= 0x100000001b3ul; if ((int)state < -5) state = -state; }
  __sync_fetch_and_add(counter, (long)length);
  return state / 7 + __builtin_bswap32((u32)state) + (state >> 63 ? *(short *)(data + 2) : 1);
}
u32 pick(const int *values, u32 n) {
  u32 best = 0;
  for (u32 i = 0; i < n; i++) if (values[i] > (int)best) best = values[i] % 1000u;
  return best;
}
`;
