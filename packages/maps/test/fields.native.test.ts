/** When the kernel gives up a timer in a value: it can be initialised again then. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMap, createMapArena, MAP_FLAG, MAP_TYPE } from '@polybpf/maps';
import { type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import { asm, HelperPrograms, RESULT } from './helper-programs.native.ts';
import { closeRaw, createRawMap, pinToCpu, RawMap, unpin } from './raw-bpf.native.ts';
import { BOTH, loadTestBtf } from './test-btf.native.ts';
import { describeKernel } from './with-kernel.native.ts';

const KEY = 64;
const EBUSY = -16;
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const value = new Uint8Array(BOTH.valueSize).fill(3);

let kernel: LiveKernel;

describeKernel('timers of values', () => {
  beforeAll(() => {
    kernel = openLiveKernel();
    pinToCpu(0);
  });
  afterAll(() => {
    unpin();
    kernel?.[Symbol.dispose]();
  });

  test.each([
    { type: MAP_TYPE.ARRAY, flags: 0 },
    { type: MAP_TYPE.HASH, flags: 0 },
    { type: MAP_TYPE.HASH, flags: MAP_FLAG.NO_PREALLOC },
  ])('type $type, flags $flags', ({ type, flags }) => {
    const def = { type, keySize: 4, valueSize: BOTH.valueSize, maxEntries: 4, flags };
    const fd = createRawMap({ ...def, ...BOTH, btfFd: loadTestBtf(kernel) });
    const raw = new RawMap(fd, 4, BOTH.valueSize);
    const programs = new HelperPrograms(kernel, fd, BOTH.valueSize, BOTH.fields);
    const arena = createMapArena();
    const map = createMap(def, { arena, endian: 'little', fields: BOTH.fields });
    const key = u32(1);
    /** bpf_timer_init of the element, which writes a pointer into the timer: 0, EBUSY when it has one. */
    const init = (): [number, number] => {
      programs.io.set(key, KEY);
      const theirs = programs.runCode('init', () => [
        ...programs.mapInR1(),
        ...asm('r2 = r6', `r2 += ${KEY}`, 'call 1', 'if r0 == 0 goto +7', 'r7 = r0'),
        ...[...asm('r1 = r7', 'r1 += 8')],
        ...programs.mapInR1().map((insn) => ({ ...insn, dst_reg: insn.opcode === 0 ? 0 : 2 })),
        ...asm('r3 = 1', 'call 169', `*(u64 *)(r6 + ${RESULT}) = r0`),
      ]);
      const timer = arena.view(map.program.lookup(key) + 8n, 16);
      const ours = timer.every((byte) => byte === 0) ? 0 : EBUSY;
      if (ours === 0) timer.fill(1, 0, 8);
      return [ours, Number(theirs)];
    };
    const steps: [string, () => [number, number]][] = [
      ['update', () => [map.user.update(key, value, 0), raw.update(key, value, 0n)]],
      ['init', init],
      ['init again', init],
      ['update under the lock', () => [map.user.update(key, value, 4), raw.update(key, value, 4n)]],
      ['init after that', init],
      ['update', () => [map.user.update(key, value, 0), raw.update(key, value, 0n)]],
      ['init after that', init],
      ['bpf update under the lock', () => [map.program.update(key, value, 4), programs.update(key, value, 4n)]],
      ['init after that', init],
      ['bpf update', () => [map.program.update(key, value, 0), programs.update(key, value, 0n)]],
      ['init after that', init],
    ];
    for (const [what, step] of steps) {
      const [ours, theirs] = step();
      expect(`${what}: ${ours}`).toBe(`${what}: ${theirs}`);
    }
    programs.close();
    closeRaw(fd);
  });
});
