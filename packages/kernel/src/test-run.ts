/** BPF_PROG_TEST_RUN: one program, one input, nothing attached. */
import { TEST_RUN_ATTR as A } from './attr-layout.ts';
import { ENOSPC } from './errno.ts';
import { growBlock, writePointer } from './native-block.ts';
import { beginAttr, callBpf, type BpfContext, demand } from './syscall.ts';

/** Input of a test run; what a program type takes is the kernel's affair (`bpf_prog_test_run_*`). */
export interface TestRunOptions {
  /** Packet of network programs; at least 14 bytes, an Ethernet header, for most. */
  readonly data?: Uint8Array;
  /** Context, e.g. `struct __sk_buff` or `struct xdp_md`; arguments of raw tracepoints; the value that `syscall` programs get. */
  readonly context?: Uint8Array;
  /** Runs, default 1. Not for every type. */
  readonly repeat?: number;
  /** `BPF_F_TEST_RUN_ON_CPU` = 1, `BPF_F_TEST_XDP_LIVE_FRAMES` = 2, `BPF_F_TEST_SKB_CHECKSUM_COMPLETE` = 4. */
  readonly flags?: number;
  readonly cpu?: number;
  readonly batchSize?: number;
  /** Asks for packet and context afterwards; default true when given. Some types refuse either. */
  readonly output?: boolean;
}

/** What a test run gave back. */
export interface TestRunResult {
  /** Lower 32 bits of r0. */
  readonly retval: number;
  /** Mean time of one run. */
  readonly durationNs: number;
  /** The packet afterwards; empty without one. */
  readonly data: Uint8Array;
  readonly context: Uint8Array;
}

/** Room for what a program adds to a packet. */
const HEADROOM = 4096;
const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

/**
 * Runs a loaded program.
 *
 * @throws BpfError `E_KERNEL_CALL`: ENOTSUPP when the program's type cannot be test-run
 */
export function testRunProgram(cx: BpfContext, fd: number, options: TestRunOptions = {}): TestRunResult {
  const attr = beginAttr(cx);
  const { data = EMPTY, context = EMPTY, output = true } = options;
  attr.setUint32(A.prog_fd, fd, true);
  attr.setUint32(A.repeat, options.repeat ?? 0, true);
  attr.setUint32(A.flags, options.flags ?? 0, true);
  attr.setUint32(A.cpu, options.cpu ?? 0, true);
  attr.setUint32(A.batch_size, options.batchSize ?? 0, true);
  const dataRoom = output && data.length > 0 ? data.length + HEADROOM : 0;
  const contextRoom = output ? context.length : 0;
  growBlock(cx.libc, cx.input, data.length + context.length + 8);
  growBlock(cx.libc, cx.output, dataRoom + contextRoom + 8);
  if (data.length > 0) {
    cx.input.bytes.set(data);
    attr.setUint32(A.data_size_in, data.length, true);
    writePointer(attr, A.data_in, cx.input.address);
  }
  if (dataRoom > 0) {
    attr.setUint32(A.data_size_out, dataRoom, true);
    writePointer(attr, A.data_out, cx.output.address);
  }
  if (context.length > 0) {
    const at = (data.length + 7) & ~7;
    cx.input.bytes.set(context, at);
    attr.setUint32(A.ctx_size_in, context.length, true);
    writePointer(attr, A.ctx_in, cx.input.address + at);
  }
  if (contextRoom > 0) {
    attr.setUint32(A.ctx_size_out, contextRoom, true);
    writePointer(attr, A.ctx_out, cx.output.address + dataRoom);
  }
  const result = callBpf(cx, 'PROG_TEST_RUN');
  // ENOSPC: the packet grew beyond the room; what fits has been copied and the true size is told.
  if (result !== -ENOSPC) demand('PROG_TEST_RUN', result, 'the program');
  const dataSize = Math.min(attr.getUint32(A.data_size_out, true), dataRoom);
  const contextSize = Math.min(attr.getUint32(A.ctx_size_out, true), contextRoom);
  return {
    retval: attr.getUint32(A.retval, true),
    durationNs: attr.getUint32(A.duration, true),
    data: dataSize === 0 ? EMPTY : cx.output.bytes.slice(0, dataSize),
    context: contextSize === 0 ? EMPTY : cx.output.bytes.slice(dataRoom, dataRoom + contextSize),
  };
}
