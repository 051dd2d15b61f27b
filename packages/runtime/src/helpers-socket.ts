/** Helpers of sockets, socket messages and sysctls: `net/core/filter.c`, `kernel/bpf/cgroup.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { E2BIG, EINVAL } from './errno.ts';
import { setContextField, skbOf } from './helpers-skb.ts';
import { SOCK_OPS_FIELDS } from './context-layouts.ts';
import { currentRun, type HelperTable, type World } from './world.ts';
import { decodeText, encodeText } from './text.ts';

/** `BPF_SOCK_OPS_ALL_CB_FLAGS`. */
const SOCK_OPS_CALLBACKS = 0x7f;
const SYSCTL_BASE_NAME = 1n;

function effect(world: World, name: string, value: bigint): void {
  currentRun(world).effects.push({ name, value });
}

/** Copies a string as `strscpy` does: its length, or -E2BIG when it was cut. */
function copyText(cx: HelperContext, text: string | undefined): number {
  const size = Number(cx.arg(3));
  const target = cx.memory.view(cx.arg(2), size, 'helper_write');
  if (text === undefined) {
    target.fill(0);
    return -EINVAL;
  }
  const bytes = encodeText(text);
  target.fill(0);
  if (size === 0) return -E2BIG;
  target.set(bytes.subarray(0, size - 1));
  return bytes.length >= size ? -E2BIG : bytes.length;
}

/** A text that the event carries beside its context. */
function textFact(world: World, name: string): string | undefined {
  return currentRun(world).texts[name];
}

export const SOCKET_HELPERS: HelperTable = {
  /** No socket that a program could find exists here beside that of the event. */
  bpf_sk_lookup_tcp: () => 0,
  bpf_sk_lookup_udp: () => 0,
  bpf_skc_lookup_tcp: () => 0,
  bpf_sk_release: () => 0,
  bpf_sk_fullsock: (cx) => cx.arg(1),
  bpf_sk_assign(cx, world) {
    if (cx.arg(3) !== 0n) return -EINVAL;
    effect(world, 'sk_assign', cx.arg(2));
    return 0;
  },
  /** bpf_sock, flags: flags that are not known. */
  bpf_sock_ops_cb_flags_set(cx, world) {
    const flags = cx.arg32(2);
    setContextField(world, SOCK_OPS_FIELDS.bpf_sock_ops_cb_flags, flags & SOCK_OPS_CALLBACKS);
    return flags & ~SOCK_OPS_CALLBACKS;
  },
  bpf_msg_apply_bytes(cx, world) {
    effect(world, 'apply_bytes', BigInt(cx.arg32(2)));
    return 0;
  },
  bpf_msg_cork_bytes(cx, world) {
    effect(world, 'cork_bytes', BigInt(cx.arg32(2)));
    return 0;
  },
  /** msg, start, end, flags: the whole message is in one piece here. */
  bpf_msg_pull_data(cx, world) {
    const [start, end] = [cx.arg32(2), cx.arg32(3)];
    return cx.arg(4) !== 0n || end <= start || end > skbOf(world).length ? -EINVAL : 0;
  },
  /** msg, start, len, flags. */
  bpf_msg_push_data(cx, world) {
    const message = skbOf(world);
    const [start, length] = [cx.arg32(2), cx.arg32(3)];
    if (cx.arg(4) !== 0n) return -EINVAL;
    if (length === 0) return 0;
    if (start > message.length) return -EINVAL;
    message.reserve(0, length);
    const at = message.data + start;
    message.bytes.copyWithin(at + length, at, message.end);
    message.bytes.fill(0, at, at + length);
    message.end += length;
    message.sync();
    return 0;
  },
  bpf_msg_pop_data(cx, world) {
    const message = skbOf(world);
    const [start, length] = [cx.arg32(2), cx.arg32(3)];
    if (cx.arg(4) !== 0n) return -EINVAL;
    if (length === 0) return 0;
    if (start + length > message.length) return -EINVAL;
    const at = message.data + start;
    message.bytes.copyWithin(at, at + length, message.end);
    message.end -= length;
    message.sync();
    return 0;
  },
  /** ctx, buf, buf_len, flags. */
  bpf_sysctl_get_name(cx, world) {
    const name = textFact(world, 'name');
    const base = (cx.arg(4) & SYSCTL_BASE_NAME) !== 0n;
    return copyText(cx, base ? name?.slice(name.lastIndexOf('/') + 1) : name);
  },
  bpf_sysctl_get_current_value: (cx, world) => copyText(cx, textFact(world, 'currentValue')),
  bpf_sysctl_get_new_value: (cx, world) => copyText(cx, textFact(world, 'newValue')),
  bpf_sysctl_set_new_value(cx, world) {
    const length = Number(cx.arg(3));
    if (textFact(world, 'newValue') === undefined || length === 0) return -EINVAL;
    if (length > 4095) return -E2BIG;
    currentRun(world).texts['newValue'] = decodeText(cx.memory.view(cx.arg(2), length));
    return 0;
  },
};
