import { describe, expect, it } from 'vitest';
import { parseBenchOptions } from '../src/bench-options.ts';

describe('parseBenchOptions', () => {
  it('measures everything by default', () => {
    const options = parseBenchOptions([]);
    expect(options).toMatchObject({ command: 'speed', quick: false, full: false, check: false, write: false });
    expect(typeof options === 'object' && [...options.parts]).toEqual([
      'interpreter',
      'wasm',
      'native',
      'sandbox',
      'compile',
      'text',
      'verifier',
    ]);
  });

  it('takes values after a blank or an equals sign', () => {
    for (const args of [
      ['--only', 'native,compile', '--json', 'x.json'],
      ['--only=native,compile', '--json=x.json'],
    ]) {
      const options = parseBenchOptions(args);
      expect(typeof options === 'object' && [...options.parts]).toEqual(['native', 'compile']);
      expect(options).toMatchObject({ json: 'x.json' });
    }
  });

  it('takes a list of targets', () => {
    expect(parseBenchOptions(['--target', 'x86_64,arm64'])).toMatchObject({ targets: 'x86_64,arm64' });
    expect(parseBenchOptions([])).toMatchObject({ targets: 'all' });
  });

  it('knows sizes as the first argument only', () => {
    expect(parseBenchOptions(['sizes', '--check', '--larger'])).toMatchObject({ command: 'sizes', check: true, larger: true }); // prettier-ignore
    expect(parseBenchOptions(['--quick', 'sizes'])).toContain('sizes');
  });

  it('takes verifier for --only verifier', () => {
    const options = parseBenchOptions(['verifier', '--quick']);
    expect(typeof options === 'object' && [...options.parts]).toEqual(['verifier']);
    expect(options).toMatchObject({ command: 'speed', quick: true });
  });

  it('knows the other commands', () => {
    for (const command of ['executed', 'scale', 'browser'] as const) {
      expect(parseBenchOptions([command, '--quick'])).toMatchObject({ command, quick: true });
    }
    expect(parseBenchOptions(['browser', '--page', 'x.html'])).toMatchObject({ command: 'browser', page: 'x.html' });
    expect(parseBenchOptions(['speed'])).toMatchObject({ command: 'speed' });
  });

  it('takes any number of peers, whose commands may have signs of their own', () => {
    const peers = [
      { name: 'a', command: 'a --x=1 {repeat}' },
      { name: 'b', command: 'b' },
    ];
    expect(parseBenchOptions(['--peer', 'a=a --x=1 {repeat}', '--peer=b=b'])).toMatchObject({ peers });
    expect(parseBenchOptions(['--peer', 'a'])).toContain('NAME=COMMAND');
  });

  it('says what is wrong', () => {
    expect(parseBenchOptions(['--only', 'speed'])).toContain('"speed"');
    expect(parseBenchOptions(['--only'])).toContain('needs a value');
    expect(parseBenchOptions(['--quick=yes'])).toContain('--quick=yes');
    expect(parseBenchOptions(['--quick', '--full'])).toContain('exclude');
    expect(parseBenchOptions(['--fast'])).toContain('--fast');
  });
});
