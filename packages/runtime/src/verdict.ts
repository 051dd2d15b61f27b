/** Names of return values: `enum xdp_action`, `TC_ACT_*`, `enum sk_action` of include/uapi/linux. */
const XDP = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'] as const;
const TC: Readonly<Record<number, string>> = {
  [-1]: 'TC_ACT_UNSPEC',
  0: 'TC_ACT_OK',
  1: 'TC_ACT_RECLASSIFY',
  2: 'TC_ACT_SHOT',
  3: 'TC_ACT_PIPE',
  4: 'TC_ACT_STOLEN',
  5: 'TC_ACT_QUEUED',
  6: 'TC_ACT_REPEAT',
  7: 'TC_ACT_REDIRECT',
  8: 'TC_ACT_TRAP',
};
const SK = ['SK_DROP', 'SK_PASS'] as const;

/** What a return value means to the kernel for programs of a type, where it has a name. */
export function verdictName(type: string, retval: number): string | undefined {
  switch (type) {
    case 'xdp':
      return XDP[retval];
    case 'sched_cls':
    case 'sched_act':
      return TC[retval | 0];
    case 'sk_skb':
    case 'sk_msg':
    case 'sk_reuseport':
    case 'sk_lookup':
      return SK[retval];
    case 'cgroup_skb':
    case 'cgroup_sock':
    case 'cgroup_sock_addr':
    case 'cgroup_device':
    case 'cgroup_sysctl':
    case 'cgroup_sockopt':
      return retval === 0 ? 'deny' : 'allow';
    default:
      return undefined;
  }
}
