import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isBpfError } from '@polybpf/errors';
import { linkObjects, type LinkInput } from '../src/link-objects.ts';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject } from '../src/loaded-object.ts';
import { ciliumObjects, libbpfTools } from './corpus.ts';
import { fixtureBytes } from './fixture.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const mayLoad = process.platform === 'linux' && process.arch === 'x64' && process.getuid?.() === 0;

describeWithTools(['bpftool', 'gcc', 'clang-19'], 'linkObjects against libbpf', () => {
  test('the same object as from bpftool gen object', () => {
    inTemporaryFolder((folder) => {
      const [a, b, theirs] = ['a.o', 'b.o', 'theirs.o'].map((name) => join(folder, name)) as [string, string, string];
      // libbpf does not take a map that both define.
      const fixtures = join(import.meta.dirname, 'fixtures');
      const source = readFileSync(join(fixtures, 'link-b.c'), 'utf8').replace('} both SEC', '} both_b SEC').replace('&both', '&both_b'); // prettier-ignore
      writeFileSync(join(folder, 'b.c'), source);
      writeFileSync(a, fixtureBytes('link-a.clang19.el.o'));
      run('clang-19', '-target', 'bpfel', '-mcpu=v3', '-O2', '-g', '-I', fixtures, '-c', join(folder, 'b.c'), '-o', b);
      run('bpftool', 'gen', 'object', theirs, a, b);
      const ours = linkObjects([a, b].map((name) => ({ name, bytes: new Uint8Array(readFileSync(name)) })));
      const object = loadObject(ours);
      expect(object.programs).toHaveLength(2);
      expect(comparable(object)).toEqual(comparable(loadObject(new Uint8Array(readFileSync(theirs)))));
    });
  });

  const corpus = [...libbpfTools(), ...ciliumObjects().filter(({ name }) => name.endsWith('-el.elf'))];
  if (corpus.length === 0 && process.env['CI']) throw new Error('missing: libbpf-tools, golang-github-cilium-ebpf-dev');
  test.skipIf(corpus.length === 0)(
    `pairs of objects of Debian packages${corpus.length === 0 ? ' (missing)' : ''}`,
    () => {
      inTemporaryFolder((folder) => {
        const files = corpus.map(({ name, bytes }, k) => {
          const file = join(folder, `${k}.o`);
          writeFileSync(file, bytes);
          return { name: file, bytes, title: name };
        });
        const counts = { alike: 0, bothRefuse: 0 };
        files.forEach((a, k) => {
          const b = files[(k + 7) % files.length]!;
          const theirs = join(folder, `${k}.out.o`);
          const { status } = spawnSync('bpftool', ['gen', 'object', theirs, a.name, b.name]);
          const ours = attempt([a, b]);
          // What libbpf refuses we may take: maps that both define alike, objects without types.
          if (status !== 0) counts.bothRefuse += ours === undefined ? 1 : 0;
          if (status !== 0) return;
          counts.alike++;
          const pair = `${a.title} ${b.title}`;
          const expected = comparable(loadObject(new Uint8Array(readFileSync(theirs))));
          expect({ pair, object: ours === undefined ? undefined : comparable(loadObject(ours)) }).toEqual({ pair, object: expected }); // prettier-ignore
        });
        expect(counts.alike).toBeGreaterThan(20);
        expect(counts.bothRefuse).toBeGreaterThan(20);
      });
    },
  );

  const isReady = mayLoad && existsSync('/usr/include/bpf/libbpf.h');
  test.skipIf(!isReady)(`libbpf and the kernel take the result${isReady ? '' : ' (needs root and libbpf-dev)'}`, () => {
    inTemporaryFolder((folder) => {
      const file = join(folder, 'linked.o');
      const names = ['link-a.clang19.el.o', 'link-b.clang19.el.o'];
      writeFileSync(file, linkObjects(names.map((name) => ({ name, bytes: fixtureBytes(name) }))));
      run('gcc', '-O1', join(import.meta.dirname, 'libbpf-load.c'), '-o', join(folder, 'load'), '-lbpf');
      const { stdout, stderr } = spawnSync(join(folder, 'load'), [file], { encoding: 'utf8' });
      expect(`${stdout}${stderr}`).toBe('loaded\n');
    });
  });
});

function attempt(inputs: readonly LinkInput[]): Uint8Array | undefined {
  try {
    return linkObjects(inputs);
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return undefined;
  }
}

/** All but the numbers of types. */
function comparable({ programs, maps, unresolved, details, license }: LoadedObject): object {
  const bare = maps.map(({ btfKeyTypeId, btfValueTypeId, ...map }) => ({
    ...map,
    typed: [btfKeyTypeId !== undefined, btfValueTypeId !== undefined],
  }));
  return {
    license,
    unresolved,
    maps: bare,
    programs: programs.map((program) => ({ ...program, maps: [] })),
    details: details.map(({ funcInfo, coreRelocations, ...rest }) => ({
      ...rest,
      funcInfo: funcInfo.map(({ insn }) => insn),
      core: coreRelocations.map(({ insn, access, kind }) => [insn, access, kind]),
    })),
  };
}
