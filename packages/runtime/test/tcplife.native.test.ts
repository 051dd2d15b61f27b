/**
 * `tcplife` of Debian's libbpf-tools: the object inside the installed binary, relocated for the running kernel's types, run
 * on made-up `sock:inet_sock_set_state` events; what it sends to user space becomes the tool's table.
 */
import { existsSync, readFileSync } from 'node:fs';
import { type Btf, findTypes, parseBtf, sizeOf } from '@polybpf/btf';
import { tracepoint as kernelTracepoint } from '@polybpf/helpers/tracepoints';
import { loadObject } from '@polybpf/loader';
import { createVm, formatIpAddress, parseIpv4, tracepoint, type Vm } from '@polybpf/runtime';
import { expect, test } from 'vitest';
import { libbpfTools } from '../../loader/test/corpus.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const tool = libbpfTools().find(({ name }) => name === 'tcplife');
const missing =
  tool === undefined ? 'libbpf-tools is not installed' : existsSync(VMLINUX) ? undefined : `no ${VMLINUX}`;
const isCi = !['', 'false', undefined].includes(process.env['CI']);

const STATES = { ESTABLISHED: 1, SYN_SENT: 2, FIN_WAIT1: 4, CLOSE: 7, LAST_ACK: 9 };

/** Places a `tcp_sock` with these members in the VM's memory. */
function tcpSock(vm: Vm, btf: Btf, members: Readonly<Record<string, bigint>>): bigint {
  const type = findTypes(btf, 'tcp_sock', 'STRUCT')[0]!;
  if (type.kind !== 'STRUCT') throw new Error('tcp_sock is no struct');
  const data = new Uint8Array(sizeOf(btf, type.id));
  for (const [name, value] of Object.entries(members)) {
    const { bitOffset } = type.members.find((member) => member.name === name)!;
    new DataView(data.buffer).setBigUint64(bitOffset / 8, value, true);
  }
  return vm.memory.addressOf(vm.memory.add({ name: 'tcp_sock', kind: 'mem', data }));
}

/**
 * The line that the tool prints for its `struct event`: addresses, time, span in us, bytes received and acknowledged, pid,
 * ports, family, name of the task.
 */
function tableLine(record: Uint8Array): string {
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  const v4 = view.getUint16(72, true) === 2;
  const address = (at: number): string => formatIpAddress(record.subarray(at, at + (v4 ? 4 : 16)));
  const comm = Buffer.from(record.subarray(74, 90)).toString().replace(/\0.*/s, '');
  const number = (at: number): number => Number(view.getBigUint64(at, true));
  const columns: [string, number][] = [
    [String(view.getUint32(64, true)), 7],
    [comm, 16],
    [address(0), 15],
    [String(view.getUint16(68, true)), 5],
    [address(16), 15],
    [String(view.getUint16(70, true)), 5],
    [(number(56) / 1024).toFixed(2), 6],
    [(number(48) / 1024).toFixed(2), 6],
    [(number(40) / 1000).toFixed(2), 0],
  ];
  return columns.map(([text, width]) => text.padEnd(width)).join(' ');
}

const title = 'tcplife: CO-RE against the live types, hash maps, perf events';
if (missing !== undefined && !isCi) test.skip(`${title} (skipped: ${missing})`, () => undefined);
else {
  test(title, () => {
    expect(missing).toBeUndefined();
    const targetBtf = parseBtf(readFileSync(VMLINUX));
    const object = loadObject(tool!.bytes, { targetBtf });
    using vm = createVm({ object, cpus: 2, tracepoints: kernelTracepoint });
    const sockets = [
      tcpSock(vm, targetBtf, { bytes_received: 4096n, bytes_acked: 1536n }),
      tcpSock(vm, targetBtf, { bytes_received: 0n, bytes_acked: 10n * 1024n }),
    ];
    const change = (
      socket: number,
      ms: number,
      pid: number,
      comm: string,
      oldstate: number,
      newstate: number,
      cpu = 0,
    ): void => {
      const { error } = vm.program('inet_sock_set_state').tryRun(
        tracepoint(
          'sock:inet_sock_set_state',
          {
            skaddr: sockets[socket]!,
            oldstate,
            newstate,
            sport: 40000 + socket,
            dport: 443,
            family: 2,
            protocol: 6,
            saddr: parseIpv4('10.0.0.7'),
            daddr: parseIpv4('93.184.216.34'),
          },
          { time: BigInt(ms) * 1_000_000n, pid, comm, cpu },
        ),
      );
      expect(error).toBeUndefined();
    };
    change(0, 100, 1215, 'curl', STATES.CLOSE, STATES.SYN_SENT);
    change(1, 110, 99, 'sshd', STATES.CLOSE, STATES.SYN_SENT, 1);
    change(0, 120, 0, 'swapper', STATES.SYN_SENT, STATES.ESTABLISHED);
    change(0, 400, 1215, 'curl', STATES.ESTABLISHED, STATES.FIN_WAIT1);
    change(0, 432, 0, 'swapper', STATES.FIN_WAIT1, STATES.CLOSE);
    change(1, 5000, 99, 'sshd', STATES.ESTABLISHED, STATES.LAST_ACK, 1);
    change(1, 5010, 0, 'swapper', STATES.LAST_ACK, STATES.CLOSE, 1);
    const records = vm.map('events').drain();
    expect(records.map(tableLine)).toEqual([
      '1215    curl             10.0.0.7        40000 93.184.216.34   443   1.50   4.00   312.00',
      '99      sshd             10.0.0.7        40001 93.184.216.34   443   10.00  0.00   4900.00',
    ]);
    expect(vm.map('birth').size).toBe(0);
    expect(vm.map('idents').size).toBe(0);
  });
}
