/** Helpers that format text: `kernel/trace/bpf_trace.c`, `kernel/bpf/helpers.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { sizeOf } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import { showBtf } from './btf-show.ts';
import { EFAULT, EINVAL, ENOENT } from './errno.ts';
import { formatPrintk, type FormatSource } from './printk-format.ts';
import { type HelperTable, peekMemory, peekString, type World } from './world.ts';
import { decodeText } from './text.ts';

/** Longest line (`MAX_BPRINTF_BUF`). */
const LINE_ROOM = 1024;
/** Arguments at most (`MAX_BPRINTF_VARARGS`). */
const MAX_ARGS = 12;

function sourceOf(world: World): FormatSource {
  return {
    endian: world.endian,
    readString: (address, limit) => peekString(world, address, limit),
    readBytes: (address, length) => peekMemory(world, address, length),
    symbol: (address) => world.symbols.get(address),
  };
}

/** The 64-bit arguments in a block of memory, or a negative errno. */
function blockArguments(cx: HelperContext, address: bigint, size: number): bigint[] | number {
  if (size % 8 !== 0 || size > MAX_ARGS * 8 || (size > 0 && address === 0n)) return -EINVAL;
  return Array.from({ length: size / 8 }, (_, k) => cx.memory.read(address + BigInt(8 * k), 8));
}

function printLine(world: World, format: Uint8Array, args: readonly bigint[]): number {
  const formatted = formatPrintk(format, args, sourceOf(world), LINE_ROOM);
  if ('error' in formatted) return formatted.error;
  world.print(decodeText(formatted.bytes));
  return formatted.length;
}

const SHOW_ALL = 15n;
/** Bytes of `struct btf_ptr`: address, type id, flags. */
const BTF_PTR_SIZE = 16;

export const PRINT_HELPERS: HelperTable = {
  /** str, str_size, btf_ptr, its size, flags. */
  bpf_snprintf_btf(cx, world) {
    const { kernelTypes } = world;
    if ((cx.arg(5) & ~SHOW_ALL) !== 0n || cx.arg32(4) !== BTF_PTR_SIZE) return -EINVAL;
    if (kernelTypes === undefined) {
      throw new BpfError('E_UNSUPPORTED', 'bpf_snprintf_btf without types', { expected: 'the option kernelTypes' });
    }
    const address = cx.memory.read(cx.arg(3), 8);
    const type = Number(cx.memory.read(cx.arg(3) + 8n, 4));
    if (type === 0) return -EINVAL;
    if (type >= kernelTypes.firstId + kernelTypes.types.length) return -ENOENT;
    const bytes = peekMemory(world, address, sizeOf(kernelTypes, type));
    if (bytes === undefined) return -EFAULT;
    const shown = showBtf(kernelTypes, type, bytes, Number(cx.arg(5)));
    const text = Uint8Array.from(shown, (character) => character.charCodeAt(0));
    const size = cx.arg32(2);
    if (size > 0) {
      const target = cx.memory.view(cx.arg(1), size, 'helper_write');
      const kept = text.subarray(0, size - 1);
      target.set(kept);
      target[kept.length] = 0;
    }
    return text.length;
  },
  /** fmt, fmt_size, up to three values. */
  bpf_trace_printk: (cx, world) =>
    printLine(world, cx.memory.view(cx.arg(1), cx.arg32(2)), [cx.arg(3), cx.arg(4), cx.arg(5)]),
  /** fmt, fmt_size, values, size of values. */
  bpf_trace_vprintk(cx, world) {
    const args = blockArguments(cx, cx.arg(3), cx.arg32(4));
    return typeof args === 'number' ? args : printLine(world, cx.memory.view(cx.arg(1), cx.arg32(2)), args);
  },
  /** str, str_size, fmt, values, size of values. */
  bpf_snprintf(cx, world) {
    const size = cx.arg32(2);
    const args = blockArguments(cx, cx.arg(4), cx.arg32(5));
    if (typeof args === 'number') return args;
    const format = cx.memory.readCString(cx.arg(3));
    const formatted = formatPrintk(Uint8Array.of(...format, 0), args, sourceOf(world), size);
    if ('error' in formatted) return formatted.error;
    if (size > 0) {
      const target = cx.memory.view(cx.arg(1), size, 'helper_write');
      target.set(formatted.bytes);
      target[formatted.bytes.length] = 0;
    }
    return formatted.length + 1;
  },
};
