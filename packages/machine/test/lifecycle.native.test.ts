import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openMachine } from '../src/machine.ts';
import { probeMachine } from '../src/probe.ts';
import { runnerCpu } from '../src/runners/runner-cpus.ts';
import { describeEachMachine, programFor, RUNNABLE } from './each-machine.ts';

/** Whether a process exists, be it as a zombie. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  for (let i = 0; i < 500 && exists(pid); i++) await sleep(10);
}

/** Files behind our descriptors that are called as machines call theirs. */
function ownLinks(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const link = readlinkSync(`/proc/self/fd/${fd}`);
      return link.includes('/polybpf-') ? [link] : [];
    } catch {
      return [];
    }
  });
}

/** Runs `body` with a temporary folder of its own. */
async function withTemporaryFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const before = process.env['TMPDIR'];
  const folder = mkdtempSync(join(tmpdir(), 'machine-test-'));
  process.env['TMPDIR'] = folder;
  try {
    await body(folder);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(folder, { recursive: true });
  }
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

describeEachMachine('life of a machine', (fixture) => {
  it('close leaves no process, file or descriptor behind', () =>
    withTemporaryFolder(async (folder) => {
      const descriptors = openFiles();
      const machine = openMachine(fixture.target);
      const prepared = machine.prepare(fixture.program('r0 = 1\nexit'));
      prepared.run();
      const pid = machine.pid!;
      expect(exists(pid)).toBe(true);
      expect(readdirSync(folder)).toEqual([]);
      const links = ownLinks();
      expect(links.length).toBeGreaterThanOrEqual(3);
      for (const link of links) expect(link).toMatch(/ \(deleted\)$/);
      machine.close();
      machine.close();
      await untilGone(pid);
      expect(exists(pid)).toBe(false);
      expect(readdirSync(folder)).toEqual([]);
      expect(openFiles()).toBe(descriptors);
      expect(() => prepared.run()).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
      expect(() => machine.allocate(8)).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    }));

  it('is disposable', () => {
    const machine = openMachine(fixture.target);
    machine[Symbol.dispose]();
    expect(() => machine.runBatch([])).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
  });

  it('machines are independent of each other', () => {
    const machines = [1, 2, 3].map(() => openMachine(fixture.target));
    const prepared = machines.map((machine, i) => machine.prepare(fixture.program(`r0 = ${i}\nexit`)));
    expect(prepared.map((program) => program.run().r0)).toEqual([0n, 1n, 2n]);
    machines.forEach((machine) => machine.close());
  });

  it('names what is too large', () => {
    const machine = openMachine(fixture.target, {
      batchBytes: 65536,
      codeBytes: 65536,
      dataBytes: 65536,
      symbolCount: 1,
    });
    const limit = (option: string): unknown =>
      expect.objectContaining({ code: 'E_MACHINE_LIMIT', message: expect.stringContaining(option) });
    const prepared = machine.prepare(fixture.program('r0 = r2\nexit'));
    expect(() => prepared.run({ mem: new Uint8Array(65536) })).toThrow(limit('batchBytes'));
    expect(prepared.run({ mem: new Uint8Array(60000) }).r0).toBe(60000n);
    // two jobs that fit one by one, but not together
    const jobs = [1, 2, 3].map(() => ({ program: prepared, mem: new Uint8Array(40000) }));
    expect(machine.runBatch(jobs).map(({ status }) => status)).toEqual(['done', 'done', 'done']);
    expect(() => machine.allocate(70000)).toThrow(limit('dataBytes'));
    expect(() => machine.prepare(fixture.program('r0 = *(u64 *)(r1 + 0)\n'.repeat(40000) + 'exit'))).toThrow(
      limit('codeBytes'),
    );
    expect(() => machine.prepare(fixture.program('.extern a\n.extern b\ncall a\ncall b\nexit'))).toThrow(
      limit('symbolCount'),
    );
    machine.close();
    expect(() => openMachine(fixture.target, { dataBytes: 2 ** 40 })).toThrow(limit('dataBytes'));
    expect(() => openMachine(fixture.target, { codeBytes: 0 })).toThrow(limit('codeBytes'));
  });

  it('refuses senseless options', () => {
    const prepared = fixture.machine.prepare(fixture.program('r0 = 1\nexit'));
    for (const run of [
      { repeat: 0 },
      { repeat: 1.5 },
      { timeoutMs: 0 },
      { timeoutMs: Number.NaN },
      { args: [1n, 2n, 3n, 4n, 5n, 6n] },
    ]) {
      expect(() => prepared.run(run)).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    }
    expect(prepared.run().r0).toBe(1n);
  });

  it('refuses a program of the other byte order', () => {
    const other = { ...fixture.target, endian: fixture.target.endian === 'big' ? 'little' : 'big' } as const;
    expect(() => fixture.machine.prepare(programFor(other, 'r0 = 1\nexit'))).toThrow(
      expect.objectContaining({ code: 'E_JIT_PROGRAM' }),
    );
  });

  it('round trip', () => {
    const empty = fixture.machine.prepare(fixture.program('r0 = 1\nexit'));
    const calling = fixture.machine.prepare(fixture.program('call 1\nexit'), {
      helpers: { helper: (id) => ({ id, call: () => 1 }) },
    });
    const micros = (body: () => void, count: number): string => {
      let best = Infinity;
      for (let batch = 0; batch < 20; batch++) {
        const start = performance.now();
        for (let i = 0; i < count; i++) body();
        best = Math.min(best, ((performance.now() - start) * 1000) / count);
      }
      return best.toFixed(1);
    };
    const many = Array.from({ length: 300 }, () => ({ program: empty, mem: new Uint8Array(64) }));
    const start = performance.now();
    openMachine(fixture.target).close();
    const openMs = (performance.now() - start).toFixed(1);
    console.log(
      `${fixture.target.name}: run ${micros(() => empty.run(), 50)} us, with a helper call ${micros(() => calling.run(), 50)} us, ` +
        `in a batch ${(Number(micros(() => fixture.machine.runBatch(many), 1)) / 300).toFixed(2)} us a job, open ${openMs} ms`,
    );
    expect(empty.run({ repeat: 1000 }).elapsedNs).toBeGreaterThan(0);
  });
});

describe('QEMU for the CPU of this host', () => {
  const target = RUNNABLE.find((one) => probeMachine(one, 'qemu').available && probeMachine(one, 'host').available);
  it.skipIf(target === undefined)('runs when it is asked for', () => {
    const machine = openMachine(target!, { via: 'qemu' });
    expect(machine.execution.kind).toBe('qemu');
    expect(machine.prepare(programFor(target!, 'r0 = 5\nexit')).run().r0).toBe(5n);
    const bad = machine.prepare(programFor(target!, 'r1 = 0\nr0 = *(u8 *)(r1 + 4)\nexit'));
    expect(() => bad.run()).toThrow('main: insn 1: crashed, got SIGSEGV at address 0x4');
    machine.close();
  });

  it('a CPU that is not this host cannot run directly', () => {
    const foreign = RUNNABLE.find((one) => !probeMachine(one, 'host').available);
    expect(() => openMachine(foreign!, { via: 'host' })).toThrow(
      expect.objectContaining({ code: 'E_MACHINE_MISSING' }),
    );
  });
});

describe('a process that opens a machine', () => {
  const target = RUNNABLE.find((one) => probeMachine(one).available);
  it.skipIf(target === undefined)('leaves no runner when it ends, however it ends', async () => {
    for (const ending of ['process.exit(3)', "process.kill(process.pid, 'SIGKILL')"]) {
      const source = `
        import { openMachine } from '@polybpf/machine';
        import { targetByName } from '@polybpf/targets';
        import { makeInsn, makeProgram } from '@polybpf/isa';
        const target = targetByName('${target!.name}');
        const machine = openMachine(target);
        const insns = [makeInsn(0xb7, 0, 0, 0, 1), makeInsn(0x95, 0, 0, 0, 0)];
        machine.prepare(makeProgram(insns, { endian: target.endian })).run();
        console.log(machine.pid);
        ${ending};`;
      const node = spawnSync(
        process.execPath,
        ['--import', 'tsx', '--conditions=@polybpf/source', '--input-type=module', '-e', source],
        {
          encoding: 'utf8',
          cwd: import.meta.dirname,
        },
      );
      const pid = Number(node.stdout.trim());
      expect(pid, node.stderr).toBeGreaterThan(1);
      await untilGone(pid);
      expect(exists(pid)).toBe(false);
    }
  });
});

describe('a missing QEMU', () => {
  it('is E_MACHINE_MISSING and names the Debian package', () => {
    const path = process.env['PATH'];
    const empty = mkdtempSync(join(tmpdir(), 'polybpf-test-'));
    process.env['PATH'] = empty;
    try {
      for (const target of RUNNABLE) {
        expect(() => openMachine(target, { via: 'qemu' })).toThrow(
          expect.objectContaining({ code: 'E_MACHINE_MISSING', message: expect.stringMatching(/qemu-user/) }),
        );
        expect(probeMachine(target, 'qemu')).toMatchObject({ available: false, error: { code: 'E_MACHINE_MISSING' } });
      }
    } finally {
      process.env['PATH'] = path;
      rmSync(empty, { recursive: true });
    }
  });

  it('is found out when it is there but does not work', () => {
    const path = process.env['PATH'];
    const folder = mkdtempSync(join(tmpdir(), 'polybpf-test-'));
    for (const name of RUNNABLE.map((target) => runnerCpu(target).qemu)) {
      spawnSync('sh', ['-c', `printf '#!/bin/sh\\nexit 1\\n' > "$1/${name}"; chmod +x "$1/${name}"`, 'sh', folder]);
    }
    process.env['PATH'] = `${folder}:${path}`;
    try {
      for (const target of RUNNABLE) {
        expect(() => openMachine(target, { via: 'qemu' })).toThrow(/does not run its code: exit code 1/);
      }
    } finally {
      process.env['PATH'] = path;
      rmSync(folder, { recursive: true });
    }
  });

  it('a target without runner is E_UNSUPPORTED', () => {
    const unknown = { ...RUNNABLE[0]!, name: 'z80' };
    expect(() => openMachine(unknown)).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
  });
});

it('descriptors of FIFOs and shared files are not inherited by other children', () => {
  const target = RUNNABLE.find((one) => probeMachine(one).available);
  if (target === undefined) return;
  const machine = openMachine(target);
  machine.prepare(programFor(target, 'r0 = 1\nexit')).run();
  const shared = ownLinks();
  expect(shared.length).toBeGreaterThanOrEqual(3);
  const child = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  for (const link of shared) expect(child.stdout).not.toContain(link);
  machine.close();
});
