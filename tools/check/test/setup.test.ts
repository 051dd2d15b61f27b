// What tools/setup does on a machine that lacks something, with an apt-get that only takes notes.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SYSTEM_TOOLS } from '../../setup/system-tools.mjs';
import { ROOT } from '../repository.ts';

const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version');
let bin = '';

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'polybpf-setup-'));
  symlinkSync(process.execPath, join(bin, 'node'));
  for (const name of ['sh', 'touch', 'chmod']) symlinkSync(`/bin/${name}`, join(bin, name));
});
afterEach(() => rmSync(bin, { recursive: true }));

function script(name: string, ...lines: string[]): void {
  writeFileSync(join(bin, name), ['#!/bin/sh', ...lines, ''].join('\n'));
  chmodSync(join(bin, name), 0o755);
}

function setup(environment: Record<string, string> = {}): { status: number | null; stdout: string } {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'tools/setup/setup.mjs'), 'run'], {
    encoding: 'utf8',
    env: { PATH: bin, ...environment },
  });
  return { status, stdout };
}

const notes = (): string[] => readFileSync(join(bin, 'notes'), 'utf8').trim().split('\n');
const QEMU_PROGRAMS = SYSTEM_TOOLS.find(({ debianPackage }) => debianPackage === 'qemu-user')!.programs;
/** An apt-get that writes down its arguments, and on `install` makes the programs of qemu-user appear. */
const APT_GET = [
  'echo "$DEBIAN_FRONTEND $*" >> "${0%/*}/notes"',
  'case "$*" in *install*)',
  `  for program in ${QEMU_PROGRAMS.join(' ')}; do touch "\${0%/*}/$program"; chmod +x "\${0%/*}/$program"; done`,
  'esac',
];

describe('tools/setup', () => {
  test('names the missing packages and the command when it may not install', () => {
    script('apt-get', ...APT_GET);
    const { status, stdout } = setup({ POLYBPF_NO_INSTALL: '1' });
    expect(status).toBe(3);
    expect(stdout).toContain('missing system tools, by Debian package: qemu-user\n');
    expect(stdout).toContain('apt-get install --no-install-recommends qemu-user\n');
    expect(existsSync(join(bin, 'notes'))).toBe(false);
  });

  test('is silent when nothing is missing', () => {
    for (const program of QEMU_PROGRAMS) script(program);
    expect(setup()).toEqual({ status: 0, stdout: '' });
  });

  test.runIf(canInstall)('as root on Debian updates, then installs only what is missing, without questions', () => {
    script('apt-get', ...APT_GET);
    script('apt-cache');
    expect(setup().status).toBe(0);
    const [update, install, ...rest] = notes();
    expect(update).toMatch(/^noninteractive .*update/);
    expect(install).toMatch(/^noninteractive .*install .*-y --no-install-recommends qemu-user$/);
    expect(rest).toEqual([]);
  });

  test.runIf(canInstall)(
    'leaves out a package that this Debian does not have, and says that it is missing still',
    () => {
      script('apt-get', ...APT_GET);
      script('apt-cache', 'exit 100');
      const { status, stdout } = setup();
      expect(status).toBe(3);
      expect(notes()).toHaveLength(1);
      expect(stdout).toContain('still missing after installing, by Debian package: qemu-user');
    },
  );

  test.runIf(canInstall)('a failing apt-get is reported, not fatal', () => {
    script('apt-get', 'exit 100');
    script('apt-cache');
    const { status, stdout } = setup();
    expect(status).toBe(3);
    expect(stdout).toContain('apt-get update failed with status 100');
    expect(stdout).toContain('apt-get install failed with status 100');
  });
});
