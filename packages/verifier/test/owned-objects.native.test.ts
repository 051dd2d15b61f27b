import { existsSync } from 'node:fs';
import { parseBtf } from '@polybpf/btf';
import { openLiveKernel, probeLiveKernel, readVmlinuxBtf } from '@polybpf/kernel';
import { describe, expect, it } from 'vitest';
import { difference, toldByKernel, toldByUs } from '../../../tools/parity/compare.ts';
import { LogTally } from '../../../tools/parity/log-lines.ts';
import { OwnedRunner } from '../../../tools/parity/owned-run.ts';
import { FUNCTIONS, OWNED_BTF, OWNED_MAPS } from './owned-types.ts';
import { FUNC_INFO_SIZE, recordTable } from '../../kernel/src/load-program.ts';
import { OWNED_CASES, slotsOf } from './owned-cases.ts';

const available = probeLiveKernel().available && existsSync('/sys/kernel/btf/vmlinux');

describe.runIf(available)('programs that own objects', () => {
  it('get the verdict, message, errno, effort and log of the live kernel', () => {
    using kernel = openLiveKernel();
    const runner = new OwnedRunner(kernel);
    const logs = new LogTally();
    const differences: string[] = [];
    let accepted = 0;
    for (let i = 0; i < 300; i++) {
      const { loaded, report } = runner.run(20_261_126, i, 2);
      if (loaded.accepted) accepted++;
      logs.add(String(i), loaded.log, report.log);
      const differs = difference(toldByKernel(loaded), toldByUs(report));
      if (differs !== undefined) differences.push(`${i}: ${differs}`);
    }
    expect(accepted).toBeGreaterThan(100);
    expect(differences).toStrictEqual([]);
    expect(logs.same).toBe(logs.programs);
  });

  it('are what the pure tests say of the kernel', () => {
    using kernel = openLiveKernel();
    const { types } = readVmlinuxBtf();
    const ids = new Map(types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id]));
    const btf = kernel.loadBtf(OWNED_BTF);
    if (!btf.accepted) throw new Error(btf.message);
    const fdArray = OWNED_MAPS.map((map) => kernel.createMap({ ...map, btfFd: btf.fd }).fd);
    expect(parseBtf(OWNED_BTF).types.length).toBeGreaterThan(50);
    for (const one of OWNED_CASES) {
      const { main = FUNCTIONS.plainMain, functions = [], type = 'sched_cls', name, errno, message } = one;
      const loaded = kernel.load(
        slotsOf(one, (kfunc) => ids.get(kfunc)!),
        {
          type,
          flags: type === 'syscall' ? 16 : 0,
          fdArray,
          btfFd: btf.fd,
          funcInfo: recordTable(FUNC_INFO_SIZE, [[0, main] as const, ...functions], (row) => row),
          logLevel: 4,
        },
      );
      if (loaded.accepted) kernel.close(loaded.fd);
      const told = toldByKernel(loaded);
      expect({ name, errno: told.errno, message: told.message }).toStrictEqual({ name, errno, message });
    }
  });
});
