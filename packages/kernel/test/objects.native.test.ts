// Objects of real tools, loaded as libbpf loads them: the same verdicts, and the verifier walks the same way.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readElf, STT, STV } from '@polybpf/elf';
import { type LiveKernel, openLiveKernel, openObject, type ObjectSymbols } from '@polybpf/kernel';
import { loadObject } from '@polybpf/loader';
import { describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

const FACTS = join(process.env['POLYBPF_SHARED'] ?? '', 'facts/kernel-verdicts-6.18.json');
const TOOLS = '/usr/sbin';
const EM_BPF = 247;

interface VerdictRow {
  readonly src: string;
  readonly obj: string;
  readonly prog: string;
  readonly errno: number;
  readonly msg?: string;
  readonly insnsProcessed?: number;
  readonly totalStates?: number;
}

/** The eBPF objects inside an executable, as bpftool's skeletons carry them. */
function carve(bytes: Buffer): Buffer[] {
  const objects: Buffer[] = [];
  const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  for (let at = bytes.indexOf(magic, 1); at >= 0; at = bytes.indexOf(magic, at + 4)) {
    if (bytes.readUInt16LE(at + 18) !== EM_BPF) continue;
    const end = Number(bytes.readBigUInt64LE(at + 40)) + bytes.readUInt16LE(at + 58) * bytes.readUInt16LE(at + 60);
    objects.push(bytes.subarray(at, at + end));
  }
  return objects;
}

function symbolsOf(bytes: Uint8Array): ObjectSymbols {
  const elf = readElf(bytes);
  const find = (section: string, name: string): number | undefined =>
    elf.symbols.find((symbol) => symbol.name === name && elf.sections[symbol.section ?? 0]?.name === section)?.value;
  const hidden = elf.symbols.filter((symbol) => symbol.type === STT.STT_FUNC && symbol.visibility === STV.STV_HIDDEN);
  return { offsetOf: find, isHidden: (name) => hidden.some((symbol) => symbol.name === name) };
}

describeKernel('objects', () => {
  test('every example of this repository comes to the verifier', () => {
    const folder = fileURLToPath(new URL('../../../examples/objects/little/', import.meta.url));
    const verdicts = readdirSync(folder).flatMap((name) => {
      const object = loadObject(readFileSync(join(folder, name)));
      using loader = openObject(kernel, object, { type: 'xdp' });
      expect([name, loader.btfProblem]).toEqual([name, undefined]);
      return object.programs.map((program, index) => {
        const { verdict, load } = loader.load(index);
        return [program.name, verdict, load?.stats === undefined ? 'no figures' : 'figures'];
      });
    });
    expect(verdicts.length).toBeGreaterThan(4);
    for (const [name, verdict, figures] of verdicts) expect([name, figures, verdict]).toEqual([name, 'figures', expect.stringMatching(/accepted|refused/)]); // prettier-ignore
  });

  const rows = existsSync(FACTS) ? (JSON.parse(readFileSync(FACTS, 'utf8')) as { rows: VerdictRow[]; kernel: string }) : undefined; // prettier-ignore
  const tools = rows?.rows.filter(({ src }) => src.includes('libbpf-tools')) ?? [];
  const ready = tools.length > 0 && existsSync(join(TOOLS, 'opensnoop')) && release().startsWith(`${rows!.kernel}.`);
  const why = ready ? '' : ' (skipped: needs the shared facts, Debian libbpf-tools 0.26 and Linux 6.18)';

  test.skipIf(!ready)(`libbpf-tools: verdicts, insns and states are those that libbpf got${why}`, () => {
    const wrong: string[] = [];
    let compared = 0;
    for (const tool of new Set(tools.map(({ obj }) => obj.replace(/\.\d+\.o$/, '')))) {
      const path = [tool, `${tool}-bpf`].map((name) => join(TOOLS, name)).find((candidate) => existsSync(candidate));
      if (path === undefined) continue;
      carve(readFileSync(path)).forEach((bytes, k) => {
        const object = loadObject(bytes);
        using loader = openObject(kernel, object, { symbols: symbolsOf(bytes) });
        const unusable = loader.createMaps().some(({ error }) => error !== undefined);
        object.programs.forEach((program, index) => {
          const row = tools.find(({ obj, prog }) => obj === `${tool}.${k}.o` && prog === program.name);
          if (row === undefined) return;
          compared++;
          const { verdict, load } = loader.load(index);
          // libbpf gives up an object when one of its maps cannot be created.
          const ours = unusable ? 'refused' : verdict === 'accepted' ? 'accepted' : 'refused';
          const theirs = row.errno === 0 ? 'accepted' : 'refused';
          const figures = load?.accepted === true && ours === 'accepted' ? [load.stats?.insnsProcessed, load.stats?.totalStates] : []; // prettier-ignore
          const expected = ours === 'accepted' ? [row.insnsProcessed, row.totalStates] : [];
          if (ours !== theirs || String(figures) !== String(expected)) {
            wrong.push(
              `${row.obj} ${row.prog}: ${ours} ${figures} ${load?.message ?? ''}, libbpf ${theirs} ${expected}`,
            );
          }
        });
      });
    }
    expect(compared).toBeGreaterThan(200);
    expect(wrong).toEqual([]);
  });
});
