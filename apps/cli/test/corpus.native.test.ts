import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { formatInsn, slotsAt } from '@polybpf/asm';
import { parseBtf } from '@polybpf/btf';
import { readElf, SHF, SHT } from '@polybpf/elf';
import { decodeInsns, type Insn, rowOf } from '@polybpf/isa';
import { openLiveKernel, openObject } from '@polybpf/kernel';
import { loadObject, type LoadedObject } from '@polybpf/loader';
import { describe, expect, test } from 'vitest';
import { ciliumObjects, libbpfTools } from '../../../packages/loader/test/corpus.ts';
import { objectSymbols } from '../src/commands/kernel-load.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const [tools, cilium] = [libbpfTools(), ciliumObjects()];
const missing = [
  ...(tools.length === 0 ? ['libbpf-tools'] : []),
  ...(cilium.length === 0 ? ['golang-github-cilium-ebpf-dev'] : []),
  ...(isInstalled('llvm-objdump-19') ? [] : ['llvm-objdump-19']),
];
if (missing.length > 0 && process.env['CI']) throw new Error(`missing: ${missing.join(', ')}`);

function isInstalled(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(missing.length > 0)(`objects of Debian packages (missing: ${missing.join(', ') || 'nothing'})`, () => {
  test('the text of every instruction is that of llvm-objdump', () => {
    const folder = mkdtempSync(join(tmpdir(), 'polybpf-corpus-'));
    let compared = 0;
    try {
      for (const { name, bytes } of [...tools, ...cilium]) {
        const file = join(folder, 'object.o');
        writeFileSync(file, bytes);
        const elf = readElf(bytes);
        const code = elf.sections.filter(({ type, flags, size }) => type === SHT.SHT_PROGBITS && (flags & SHF.SHF_EXECINSTR) !== 0 && size > 0); // prettier-ignore
        const listing = execFileSync('llvm-objdump-19', ['-d', '--mcpu=v4', '--no-show-raw-insn', file], { encoding: 'utf8', maxBuffer: 1 << 28 }); // prettier-ignore
        const theirs = listing.split('\n').flatMap((line) => /^\s+[0-9a-f]+:\s+(.*?)(?: <[\w.+-]+>)?$/.exec(line)?.[1] ?? []); // prettier-ignore
        const ours = code.flatMap(({ data }) => texts(decodeInsns(data, elf.endian)));
        compared += ours.length;
        expect({ name, lines: ours }).toEqual({ name, lines: theirs.map(normal) });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    expect(compared).toBeGreaterThan(15_000);
  });

  const mayLoad = process.platform === 'linux' && process.arch === 'x64' && process.getuid?.() === 0 && existsSync(VMLINUX); // prettier-ignore
  test.skipIf(!mayLoad)(
    `the kernel's own CO-RE gives the same programs${mayLoad ? '' : ' (needs root and BTF)'}`,
    () => {
      using kernel = openLiveKernel();
      const targetBtf = parseBtf(new Uint8Array(readFileSync(VMLINUX)));
      const counts = { accepted: 0, refused: 0, relocations: 0 };
      for (const { name, bytes } of tools) {
        const symbols = objectSymbols(bytes);
        const plain = loadObject(bytes);
        const verdicts = [plain, loadObject(bytes, { targetBtf })].map((object) => {
          const images = new Map<string, string>();
          const onLoaded = ({ name: program }: { name: string }, fd: number): unknown => images.set(program, comparable(kernel.programInfo(fd).xlated)); // prettier-ignore
          using loader = openObject(kernel, object, { symbols, onLoaded, logLevel: 4 });
          return object.programs.map((program, index) => {
            const { verdict, load } = loader.load(index);
            const errno = load === undefined || load.accepted ? '' : load.errnoName;
            return { program: program.name, verdict, errno, xlated: images.get(program.name) };
          });
        });
        for (const { verdict } of verdicts[0]!) counts[verdict === 'accepted' ? 'accepted' : 'refused']++;
        expect({ name, programs: verdicts[1] }).toEqual({ name, programs: verdicts[0] });
        counts.relocations += unapplied(plain);
      }
      expect(counts.accepted).toBeGreaterThan(120);
      expect(counts.relocations).toBeGreaterThan(500);
    },
  );
});

function unapplied({ details }: LoadedObject): number {
  return details.reduce((sum, { coreRelocations }) => sum + coreRelocations.length, 0);
}

function texts(insns: readonly Insn[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < insns.length;) {
    const insn = insns[at]!;
    // LLVM prints the number that the field of a local call holds.
    const isLocal = rowOf(insn)?.kind === 'call_local';
    lines.push(isLocal ? `call ${insn.imm < 0 ? '-' : ''}0x${Math.abs(insn.imm).toString(16)}` : formatInsn(insns, at, { mcpu: 'v4', numbers: 'hex' })); // prettier-ignore
    at += slotsAt(insns, at);
  }
  return lines;
}

function normal(line: string): string {
  return line.trim();
}

/** The program without ids and addresses of maps, which each load has of its own. */
function comparable(xlated: Uint8Array): string {
  const insns = decodeInsns(xlated, 'little');
  return insns.map(({ opcode, dst_reg, src_reg, offset, imm }, k) => {
      const isAddress = (opcode === 0x18 && src_reg > 0) || (opcode === 0 && insns[k - 1]?.opcode === 0x18);
      return `${opcode} ${dst_reg} ${src_reg} ${offset} ${isAddress ? '' : imm}`;
    }).join('\n'); // prettier-ignore
}
