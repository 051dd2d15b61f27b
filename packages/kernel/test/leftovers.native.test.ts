// However a process ends, nothing of it stays in the kernel, and no program is ever attached.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import { describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

const HOLDER = fileURLToPath(new URL('holder.ts', import.meta.url));

/** What a child that holds programs and maps has told about them. */
interface Held {
  readonly programs: readonly number[];
  readonly maps: readonly number[];
}

async function startHolder(mode: string): Promise<{ child: ChildProcess; held: Held }> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@polybpf/source', HOLDER, mode], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, held: JSON.parse(line.toString()) as Held };
}

/** The kernel frees programs some time after the last reference is gone. */
async function remaining({ programs, maps }: Held): Promise<number> {
  let left = programs.length + maps.length;
  for (let tries = 0; tries < 100 && left > 0; tries++) {
    const now = new Set([...kernel.programIds().map((id) => `p${id}`), ...kernel.mapIds().map((id) => `m${id}`)]);
    left = programs.filter((id) => now.has(`p${id}`)).length + maps.filter((id) => now.has(`m${id}`)).length;
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return left;
}

describeKernel('nothing is left', () => {
  test.each([
    ['Ctrl-C', 'wait', 'SIGINT'],
    ['a kill', 'wait', 'SIGKILL'],
    ['a crash', 'crash', undefined],
    ['an end without closing', 'forget', undefined],
  ] as const)('after %s', async (_, mode, signal) => {
    const { child, held } = await startHolder(mode);
    expect(held.programs.length + held.maps.length).toBeGreaterThan(3);
    if (mode === 'wait') {
      expect(kernel.programIds()).toEqual(expect.arrayContaining([...held.programs]));
      expect(kernel.mapIds()).toEqual(expect.arrayContaining([...held.maps]));
    }
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    if (signal !== undefined) child.kill(signal);
    await ended;
    expect(await remaining(held)).toBe(0);
  });

  test('after disposing', async () => {
    const mine = openLiveKernel();
    const outcome = mine.load(Buffer.from('b7000000010000009500000000000000', 'hex'));
    const map = mine.createMap({ type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1 });
    const held = { programs: [mine.programInfo((outcome as { fd: number }).fd).id], maps: [mine.mapInfo(map.fd).id] }; // prettier-ignore
    mine[Symbol.dispose]();
    expect(mine.openCount).toBe(0);
    expect(await remaining(held)).toBe(0);
  });
});
