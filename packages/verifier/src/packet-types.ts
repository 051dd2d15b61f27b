/** Program types that may touch packet data directly (kernel: may_access_direct_pkt_data). */

const READ_ONLY: ReadonlySet<string> = new Set([
  'LWT_IN',
  'LWT_OUT',
  'LWT_SEG6LOCAL',
  'SK_REUSEPORT',
  'FLOW_DISSECTOR',
  'CGROUP_SKB',
]);
const READ_WRITE: ReadonlySet<string> = new Set([
  'SCHED_CLS',
  'SCHED_ACT',
  'XDP',
  'LWT_XMIT',
  'SK_SKB',
  'SK_MSG',
  'CGROUP_SOCKOPT',
]);

/** Whether programs of the type may store to packets. */
export function mayWritePacket(type: string): boolean {
  return READ_WRITE.has(type);
}

/** Whether a helper of the type may get a packet pointer as memory. */
export function mayPassPacket(type: string, pktAccess: boolean): boolean {
  if (type === 'CGROUP_SOCKOPT') return true;
  return (READ_ONLY.has(type) || READ_WRITE.has(type)) && pktAccess;
}
