/** BPF_BTF_LOAD, and the kernel's own BTF. */
import { readFileSync } from 'node:fs';
import { type Btf, parseBtf } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import { BTF_INFO, BTF_INFO_SIZE, BTF_LOAD_ATTR as A, GET_ID_ATTR } from './attr-layout.ts';
import { ENOENT, errnoName } from './errno.ts';
import { callWithLog } from './log-capture.ts';
import { growBlock, putBytes, writePointer } from './native-block.ts';
import { getInfo } from './object-info.ts';
import { adopt, beginAttr, callBpf, closeFd, type BpfContext, demand, listIds, readText } from './syscall.ts';

/** How BTF is loaded. */
export interface BtfLoadOptions {
  /** 0 (default) to 2. */
  readonly logLevel?: 0 | 1 | 2;
}

/** What the kernel said to BTF. */
export type BtfLoadOutcome =
  | { readonly accepted: true; readonly fd: number; readonly log: string }
  | { readonly accepted: false; readonly errno: number; readonly errnoName: string; readonly log: string; readonly message: string }; // prettier-ignore

/** BTF of the kernel itself (`vmlinux`) or of a module. */
export interface KernelBtf {
  readonly id: number;
  readonly name: string;
}

const LOG_FIELDS = {
  level: A.btf_log_level,
  size: A.btf_log_size,
  buffer: A.btf_log_buf,
  trueSize: A.btf_log_true_size,
};
const MAX_LOG_BYTES = 64 << 20;
const VMLINUX = '/sys/kernel/btf/vmlinux';

/** Loads BTF: the bytes of a `.BTF` section. */
export function loadBtf(cx: BpfContext, bytes: Uint8Array, options: BtfLoadOptions = {}): BtfLoadOutcome {
  const attr = beginAttr(cx);
  writePointer(attr, A.btf, putBytes(cx.libc, cx.input, bytes));
  attr.setUint32(A.btf_size, bytes.length, true);
  const call = (): number => callBpf(cx, 'BTF_LOAD');
  const { result, log } = callWithLog(cx, LOG_FIELDS, options.logLevel ?? 0, MAX_LOG_BYTES, call);
  if (result >= 0) return { accepted: true, fd: adopt(cx, result), log };
  const lines = log.split('\n').filter((line) => line !== '');
  return {
    accepted: false,
    errno: -result,
    errnoName: errnoName(-result),
    log,
    message: lines[lines.length - 1] ?? '',
  };
}

let vmlinux: Btf | undefined;

/**
 * The running kernel's BTF; parsed once for each process, in about a second.
 *
 * @throws BpfError `E_UNSUPPORTED` when the kernel was built without, `E_BTF_*` when it is malformed
 */
export function readVmlinuxBtf(): Btf {
  return (vmlinux ??= parseBtf(readVmlinux()));
}

function readVmlinux(): Uint8Array {
  try {
    return new Uint8Array(readFileSync(VMLINUX));
  } catch (cause) {
    throw new BpfError('E_UNSUPPORTED', "the kernel's BTF", {
      expected: `${VMLINUX} (CONFIG_DEBUG_INFO_BTF)`,
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/**
 * BTF of the kernel and of its modules that is loaded now, vmlinux first.
 *
 * @throws BpfError `E_KERNEL_CALL`, EPERM without CAP_SYS_ADMIN
 */
export function listKernelBtf(cx: BpfContext): KernelBtf[] {
  const list: KernelBtf[] = [];
  for (const id of listIds(cx, 'BTF_GET_NEXT_ID')) {
    const fd = openBtf(cx, id);
    if (fd === undefined) continue;
    try {
      growBlock(cx.libc, cx.extra, 64);
      getInfo(cx, fd, BTF_INFO_SIZE, `BTF ${id}`, (info) => {
        writePointer(info, BTF_INFO.name, cx.extra.address);
        info.setUint32(BTF_INFO.name_len, 64, true);
      });
      if (cx.output.view.getUint32(BTF_INFO.kernel_btf, true) === 1)
        list.push({ id, name: readText(cx.extra.bytes, 0, 64) });
    } finally {
      closeFd(cx, fd);
    }
  }
  return list;
}

/**
 * A file descriptor of BTF by id, undefined when it is gone.
 *
 * @throws BpfError `E_KERNEL_CALL`
 */
export function openBtf(cx: BpfContext, id: number): number | undefined {
  beginAttr(cx).setUint32(GET_ID_ATTR.start_id, id, true);
  const result = callBpf(cx, 'BTF_GET_FD_BY_ID');
  if (result === -ENOENT) return undefined;
  return adopt(cx, demand('BTF_GET_FD_BY_ID', result, `BTF ${id}`));
}
