/** Helpers that send packets elsewhere: `net/core/filter.c`, `kernel/bpf/devmap.c`. The VM records where to. */
import type { HelperContext } from '@polybpf/interpreter';
import type { GuestMap } from '@polybpf/maps';
import { writeInteger } from './byte-order.ts';
import { EINVAL, ENOENT } from './errno.ts';
import { skbOf } from './helpers-skb.ts';
import { currentRun, type HelperTable, mapArgument, type Redirect, unknownFlags, type World } from './world.ts';

const INGRESS = 1n;
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const XDP_ABORTED = 0;
const XDP_REDIRECT = 4;
const XDP_ACTIONS = 3n;
const BROADCAST = 8n;
const EXCLUDE_INGRESS = 16n;
const DEVMAPS: ReadonlySet<number> = /* @__PURE__ */ new Set([14, 25]);
const SK_DROP = 0;
const SK_PASS = 1;

function record(world: World, redirect: Redirect): void {
  currentRun(world).redirects.push(redirect);
}

function holds(map: GuestMap, key: Uint8Array): boolean {
  return map.objects !== undefined ? map.objects.get(key) !== undefined : map.program.lookup(key) !== 0n;
}

function tcRedirect(kind: 'redirect' | 'peer' | 'neigh', flagsAt: number, allowed: bigint): HelperTable[string] {
  return (cx, world) => {
    const flags = cx.arg(flagsAt);
    if (unknownFlags(flags, allowed)) return TC_ACT_SHOT;
    record(world, { kind, ifindex: cx.arg32(1), flags });
    return TC_ACT_REDIRECT;
  };
}

const redirectSkb = tcRedirect('redirect', 2, INGRESS);

/** skb or msg, map, key, flags: another socket takes the data. */
function socketRedirect(cx: HelperContext, world: World, key: Uint8Array): number {
  const map = mapArgument(cx, world, 2);
  const flags = cx.arg(4);
  if (unknownFlags(flags, INGRESS) || !holds(map, key)) return SK_DROP;
  record(world, { kind: 'socket', map: map.name, key: key.slice(), flags });
  return SK_PASS;
}

function indexKey(cx: HelperContext, world: World): Uint8Array {
  const key = new Uint8Array(4);
  writeInteger(key, 0, 4, cx.arg32(3), world.endian);
  return key;
}

function hashKey(cx: HelperContext, world: World): Uint8Array {
  return cx.memory.view(cx.arg(3), mapArgument(cx, world, 2).keySize);
}

export const REDIRECT_HELPERS: HelperTable = {
  /** ifindex, flags. */
  bpf_redirect(cx, world) {
    if (currentRun(world).type !== 'xdp') return redirectSkb(cx, world);
    if (cx.arg(2) !== 0n) return XDP_ABORTED;
    record(world, { kind: 'redirect', ifindex: cx.arg32(1), flags: 0n });
    return XDP_REDIRECT;
  },
  bpf_redirect_peer: tcRedirect('peer', 2, 0n),
  /** ifindex, params, plen, flags. */
  bpf_redirect_neigh: tcRedirect('neigh', 4, 0n),
  /** skb, ifindex, flags. */
  bpf_clone_redirect(cx, world) {
    if (unknownFlags(cx.arg(3), INGRESS)) return -EINVAL;
    record(world, { kind: 'clone', ifindex: cx.arg32(2), flags: cx.arg(3), packet: skbOf(world).contents.slice() });
    return 0;
  },
  /** map, key, flags: the lower bits are the verdict for a key that is not there. */
  bpf_redirect_map(cx, world) {
    const map = mapArgument(cx, world, 1);
    const flags = cx.arg(3);
    const allowed = XDP_ACTIONS | (DEVMAPS.has(map.type) ? BROADCAST | EXCLUDE_INGRESS : 0n);
    if (unknownFlags(flags, allowed)) return XDP_ABORTED;
    const key = new Uint8Array(4);
    writeInteger(key, 0, 4, cx.arg(2), world.endian);
    const broadcast = (flags & BROADCAST) !== 0n;
    if (!broadcast && !holds(map, key)) return Number(flags & XDP_ACTIONS);
    record(world, { kind: 'redirect_map', map: map.name, key, flags });
    return XDP_REDIRECT;
  },
  bpf_sk_redirect_map: (cx, world) => socketRedirect(cx, world, indexKey(cx, world)),
  bpf_msg_redirect_map: (cx, world) => socketRedirect(cx, world, indexKey(cx, world)),
  bpf_sk_redirect_hash: (cx, world) => socketRedirect(cx, world, hashKey(cx, world)),
  bpf_msg_redirect_hash: (cx, world) => socketRedirect(cx, world, hashKey(cx, world)),
  /** reuse, map, key, flags. */
  bpf_sk_select_reuseport(cx, world) {
    const map = mapArgument(cx, world, 2);
    if (cx.arg(4) !== 0n) return -EINVAL;
    const key = hashKey(cx, world);
    if (!holds(map, key)) return -ENOENT;
    record(world, { kind: 'socket', map: map.name, key: key.slice(), flags: 0n });
    return 0;
  },
};
