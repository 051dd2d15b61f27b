/** A process that holds programs and maps of the kernel, says which, and ends in one way or another. */
import { createKernelRunner, openLiveKernel } from '@polybpf/kernel';

const kernel = openLiveKernel();
const bytes = Buffer.from('b7000000010000009500000000000000', 'hex'); // r0 = 1; exit
const fds = [1, 2].flatMap(() => {
  const outcome = kernel.load(bytes, { type: 'sched_cls' });
  return outcome.accepted ? [outcome.fd] : [];
});
const programs = kernel.createMap({ type: 'prog_array', keySize: 4, valueSize: 4, maxEntries: 2 });
programs.update(new Uint8Array(4), new Uint8Array(Uint32Array.of(fds[0]!).buffer));
const array = kernel.createMap({ type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 });
const runner = createKernelRunner(kernel);
runner.prepare([
  { opcode: 0xb7, dst_reg: 0, src_reg: 0, offset: 0, imm: 1 },
  { opcode: 0x95, dst_reg: 0, src_reg: 0, offset: 0, imm: 0 },
]);

const held = {
  programs: fds.map((fd) => kernel.programInfo(fd).id),
  maps: [programs.fd, array.fd].map((fd) => kernel.mapInfo(fd).id),
};
process.stdout.write(`${JSON.stringify(held)}\n`, () => {
  const [mode] = process.argv.slice(2);
  if (mode === 'wait') setInterval(() => undefined, 1000);
  if (mode === 'crash') process.abort();
});
