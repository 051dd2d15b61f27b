import { describe, expect, test } from 'vitest';
import { staleReason } from '../../run/install.mjs';
import { lockProblems } from '../lock-problems.mjs';

const integrity = 'sha512-x';

describe('lockProblems', () => {
  test('accepts optional dependencies that have entries, nested or hoisted', () => {
    const packages = {
      '': { optionalDependencies: { a: '1.0.0' } },
      'node_modules/a': { version: '1.0.0', integrity, optionalDependencies: { 'b-linux': '1.0.0', '@c/d': '2.0.0' } },
      'node_modules/a/node_modules/b-linux': { version: '1.0.0', integrity },
      'node_modules/@c/d': { version: '2.0.0', integrity },
    };
    expect(lockProblems({ packages })).toEqual([]);
  });

  test('names an optional dependency without an entry: npm ci would refuse the lock file', () => {
    const packages = {
      'node_modules/turbo': { version: '1.0.0', integrity, optionalDependencies: { '@turbo/darwin-64': '1.0.0' } },
    };
    expect(lockProblems({ packages })).toEqual([
      'node_modules/turbo has the optional dependency @turbo/darwin-64, which has no entry',
    ]);
  });

  test('an entry inside another package does not count', () => {
    const packages = {
      'node_modules/a': { version: '1.0.0', integrity, optionalDependencies: { b: '1.0.0' } },
      'node_modules/x': { version: '1.0.0', integrity },
      'node_modules/x/node_modules/b': { version: '1.0.0', integrity },
    };
    expect(lockProblems({ packages })).toHaveLength(1);
  });

  test('refuses an entry that names a host, and one without integrity', () => {
    const packages = {
      'node_modules/a': { version: '1.0.0', integrity, resolved: 'https://registry.example/a-1.0.0.tgz' },
      'node_modules/b': { version: '1.0.0' },
      'node_modules/@polybpf/isa': { resolved: 'packages/isa', link: true },
    };
    expect(lockProblems({ packages })).toEqual([
      'node_modules/a names a host: https://registry.example/a-1.0.0.tgz',
      'node_modules/b has no integrity',
    ]);
  });
});

describe('staleReason: does npm ci have to run', () => {
  const wanted = {
    packages: {
      '': {},
      'packages/isa': { version: '0.2.0' },
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/a-win32': { version: '1.0.0', integrity: 'sha512-w', optional: true },
    },
  };

  test('not when everything but binaries for other platforms is there', () => {
    const installed = { packages: { 'packages/isa': { version: '0.1.0' }, 'node_modules/a': { version: '1.0.0' } } };
    expect(staleReason(wanted, installed)).toBeUndefined();
  });

  test('when a package is missing, has another version or other contents', () => {
    const isa = { 'packages/isa': {} };
    expect(staleReason(wanted, { packages: isa })).toBe('node_modules/a is not installed');
    expect(staleReason(wanted, { packages: { ...isa, 'node_modules/a': { version: '0.9.0' } } })).toMatch(/is 0\.9\.0/);
    const changed = { ...isa, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-z' } };
    expect(staleReason(wanted, { packages: changed })).toMatch(/other contents/);
  });

  test('when a workspace was added and is not linked yet', () => {
    const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } };
    expect(staleReason(wanted, installed)).toBe('packages/isa is not installed');
  });
});
