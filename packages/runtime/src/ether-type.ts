/** EtherTypes as the kernel tells them (`eth_type_trans`, `vlan_set_encap_proto`). */

/** Below this the field is a length (IEEE 802.3). */
const ETH_P_802_3_MIN = 0x600;
const ETH_P_802_3 = 1;
const ETH_P_802_2 = 4;

/** The EtherType that stands at `at`; for a frame with a length instead, what follows says which kind it is. */
export function etherTypeAt(bytes: Uint8Array, at: number): number {
  const type = (bytes[at]! << 8) | bytes[at + 1]!;
  if (type >= ETH_P_802_3_MIN) return type;
  return bytes[at + 2] === 0xff && bytes[at + 3] === 0xff ? ETH_P_802_3 : ETH_P_802_2;
}
