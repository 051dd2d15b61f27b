import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildPacket, readPcap, writePcap } from '@polybpf/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

const object = (name: string, order = 'little'): string => repositoryFile(`examples/bpf/objects/${order}/${name}.o`);
const EXECVE_EVENTS = repositoryFile('examples/bpf/execve.jsonl');

function valid(schema: string, text: string): Record<string, unknown> {
  const value = JSON.parse(text) as Record<string, unknown>;
  expect(OUTPUT_SCHEMAS[schema]!.safeParse(value).error?.issues ?? []).toEqual([]);
  return value;
}

it.each(['little', 'big'])('counts execve calls and prints the count every two seconds of event time (%s)', (order) => {
  const { status, stdout, stderr } = cli.run(['run', object('execve', order), '--events', EXECVE_EVENTS, '--interval', '2s']); // prettier-ignore
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.split('\n')).toEqual([
    '2.000s  kprobe_map[0] = 3',
    '4.000s  kprobe_map[0] = 4',
    '6.000s  kprobe_map[0] = 6',
    '8.000s  kprobe_map[0] = 7',
    '10.000s  kprobe_map[0] = 8',
    'kprobe_execve: 0x0000000000000000 x 8',
    '',
  ]);
});

it('records a run, replays it to the same results, and says what differs in a changed recording', () => {
  const file = join(cli.folder, 'recording.jsonl');
  expect(cli.run(['run', object('execve'), '--events', EXECVE_EVENTS, '--record', file]).status).toBe(0);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  valid('recording-header', lines[0]!);
  for (const line of lines.slice(1, -1)) valid('recording-step', line);
  valid('recording-maps', lines.at(-1)!);
  expect(cli.run(['replay', file])).toEqual({ status: 0, stdout: '8 steps, 0 differences\n', stderr: '' });
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('"00000000":"0800000000000000"', '"00000000":"0900000000000000"'),
  );
  const { status, stdout } = cli.run(['replay', file, '--json']);
  expect(status).toBe(1);
  expect(valid('replay', stdout)['differences']).toMatchObject([{ step: null, what: 'map kprobe_map' }]);
});

it('runs one packet: verdict, packet and maps', () => {
  const packet = Buffer.from(buildPacket({ ipv4: { source: '10.0.0.1', destination: '10.0.0.2' }, udp: { source: 7, destination: 53 } })); // prettier-ignore
  const { stdout } = cli.run([
    'run',
    object('xdp-firewall'),
    '--packet',
    packet.toString('hex'),
    '--dump-maps',
    '--json',
  ]);
  expect(valid('run-events', stdout)).toMatchObject({
    runs: [{ program: 'xdp_firewall', verdict: 'XDP_PASS', packet: packet.toString('hex'), fault: null }],
    maps: [
      { name: 'closed_ports', entries: [] },
      { name: 'by_protocol', entries: [{ key: 17, value: { packets: '1', bytes: '42' } }] },
    ],
  });
});

it('runs the packets of a capture and writes those that go on', () => {
  const packets = [1, 2, 3].map((n) => ({
    time: BigInt(n) * 1_000_000_000n,
    data: buildPacket({ ipv4: { source: `10.0.0.${n}`, destination: '10.9.9.9', ttl: n }, tcp: { source: n, destination: 80 } }), // prettier-ignore
    originalLength: 54,
  }));
  const input = join(cli.folder, 'in.pcap');
  const output = join(cli.folder, 'out.pcap');
  writeFileSync(input, writePcap({ linkType: 1, packets }));
  const { stdout } = cli.run(['run', object('xdp-nat'), '--prog', 'xdp_nat', '--pcap', input, '--pcap-out', output]);
  expect(stdout).toBe('xdp_nat: XDP_DROP x 1\nxdp_nat: XDP_TX x 2\n');
  const written = readPcap(new Uint8Array(readFileSync(output))).packets;
  expect(written.map(({ time, data }) => [time, data[30], data[22]])).toEqual([[2_000_000_000n, 10, 1], [3_000_000_000n, 10, 2]]); // prettier-ignore
});

it('takes one event as JSON, and names what is wrong with it', () => {
  const run = (...args: readonly string[]): ReturnType<Cli['run']> => cli.run(['run', object('execve'), '--dump-maps', ...args]); // prettier-ignore
  const event = '{"pid":7,"regs":{"parm1":"0x10"}}';
  expect(run('--ctx', event, '--engine', 'wasm').stdout).toBe('kprobe_execve: 0x0000000000000000\nkprobe_map[0] = 1\n');
  expect(run('--ctx', '{"pid":"7"}')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('event: pid, expected number, got "7"') as string,
  });
  expect(run('--ctx', '{"regs":{"parm1":"0x10000000000000000"}}').stderr).toContain('an integer of 64 bits');
  expect(run('--packet', 'zz').stderr).toContain('E_INPUT: --packet');
  expect(run('--ctx', event, '--engine', 'native').status).toBe(3);
  expect(run('--packet', '00').stderr).toContain('--ctx or --events');
});

it('a helper of a newer kernel than the profile is a fault, and the exit status says so', () => {
  const { status, stdout } = cli.run(['run', object('xdp-adjust'), '--packet', '00'.repeat(64), '--kernel', '5.10']);
  expect(status).toBe(1);
  expect(stdout).toContain('E_RUN_HELPER');
});
