/** Calls that fill a log: the buffer grows until all of it fits, and only what was written is decoded. */
import { E2BIG, ENOSPC } from './errno.ts';
import { growBlock, writePointer } from './native-block.ts';
import type { BpfContext } from './syscall.ts';

/** Where a command keeps the fields of its log. */
export interface LogFields {
  readonly level: number;
  readonly size: number;
  readonly buffer: number;
  readonly trueSize: number;
}

/** A result, or a negative errno, with its log. */
export interface LoggedResult {
  readonly result: number;
  readonly log: string;
  /** The log is longer than allowed: its end is here, and its beginning lost. */
  readonly truncated: boolean;
}

/** The bit of a log level that prints the figures at the end and no trace (`BPF_LOG_STATS`). */
export const LOG_STATS = 4;

/**
 * Calls until the log fits. With a log that is longer than `maxBytes` the kernel says ENOSPC instead of its verdict, so
 * the verdict is taken from one more call without the trace.
 *
 * @param call - makes the call with the attribute as it stands
 */
export function callWithLog(
  cx: BpfContext,
  fields: LogFields,
  level: number,
  maxBytes: number,
  call: () => number,
): LoggedResult {
  if (level === 0) return { result: call(), log: '', truncated: false };
  const attr = cx.attr.view;
  for (;;) {
    cx.log.bytes[0] = 0;
    attr.setUint32(fields.level, level, true);
    attr.setUint32(fields.size, cx.log.bytes.length, true);
    writePointer(attr, fields.buffer, cx.log.address);
    attr.setUint32(fields.trueSize, 0, true);
    const result = call();
    const written = attr.getUint32(fields.trueSize, true);
    if (result !== -ENOSPC && result !== -E2BIG) return { result, log: readLog(cx, written), truncated: false };
    // E2BIG is also "too many instructions": only a log as long as its buffer was cut. Before 6.4 there is no true size.
    const needed = written === 0 ? (isFull(cx) ? cx.log.bytes.length * 2 : 0) : written;
    if (needed <= cx.log.bytes.length) return { result, log: readLog(cx, written), truncated: false };
    if (needed > maxBytes) return withoutTrace(cx, fields, level, readLog(cx, 0), call);
    growBlock(cx.libc, cx.log, needed);
  }
}

function withoutTrace(cx: BpfContext, fields: LogFields, level: number, cut: string, call: () => number): LoggedResult {
  const attr = cx.attr.view;
  cx.log.bytes[0] = 0;
  attr.setUint32(fields.level, level === LOG_STATS ? 0 : LOG_STATS, true);
  const result = call();
  const end = level === LOG_STATS ? '' : readLog(cx, 0);
  return { result, log: cut.endsWith(end) ? cut : `${cut}\n${end}`, truncated: true };
}

function isFull(cx: BpfContext): boolean {
  return cx.log.bytes.indexOf(0) >= cx.log.bytes.length - 1;
}

/** @param size - bytes written with the final zero, 0 when the kernel does not say */
function readLog(cx: BpfContext, size: number): string {
  const { bytes } = cx.log;
  const first = bytes.indexOf(0);
  const end = size > 0 && size <= bytes.length ? Math.min(size - 1, first < 0 ? size : first) : first;
  return Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.length : end).toString('utf8');
}
