/**
 * Sorts IP addresses by who may be behind them, after IANA's special-purpose registries
 * (https://www.iana.org/assignments/iana-ipv4-special-registry, .../iana-ipv6-special-registry) and
 * the multicast ranges, as of 2026. What a later registry adds to IPv6 is refused until it is here:
 * only 2000::/3, the allocated part, counts as public.
 */

import { isIPv4, isIPv6 } from "node:net";

/**
 * `public`: a host of the internet. `metadata`: where clouds hand out credentials. `private`: all
 * others, also those that nothing can answer at. `invalid`: not an address.
 */
export type AddressKind = "public" | "private" | "metadata" | "invalid";

interface Range {
  readonly width: 32 | 128;
  readonly first: bigint;
  readonly prefix: number;
}

function ipv4Bits(text: string): bigint {
  return text.split(".").reduce((bits, part) => bits << 8n | BigInt(part), 0n);
}

/** Of text that the URL parser accepts between brackets; it brings all forms to one. */
function ipv6Bits(text: string): bigint | undefined {
  const url = URL.parse(`http://[${text}]`);
  if (!url) return undefined;
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const left = groups(head);
  const right = groups(tail ?? "");
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right]
    .reduce((bits, group) => bits << 16n | BigInt(`0x${group}`), 0n);
}

function range(cidr: string): Range {
  const [address = "", prefix] = cidr.split("/");
  return isIPv4(address)
    ? { width: 32, first: ipv4Bits(address), prefix: Number(prefix) }
    : { width: 128, first: ipv6Bits(address)!, prefix: Number(prefix) };
}

const ranges = (list: string) => list.trim().split(/\s+/).map(range);

function within(bits: bigint, width: number, { width: of, first, prefix }: Range): boolean {
  const rest = BigInt(of - prefix);
  return width === of && bits >> rest === first >> rest;
}

/**
 * The clouds' own: link-local of both families, AWS, Google, Oracle, Alibaba, and the host agent of
 * Azure, whose address is otherwise a public one.
 */
const METADATA = ranges(`169.254.0.0/16 fe80::/10 fd00:ec2::254/128 fd20:ce::254/128
  fd00:c1::a9fe:a9fe/128 192.0.0.192/32 100.100.100.200/32 168.63.129.16/32`);

/** This network, private, shared (CGNAT), loopback, protocols, documentation, 6to4 relays, AS112,
 * AMT, benchmarks, multicast, reserved, broadcast. */
const NOT_PUBLIC_IPV4 = ranges(`0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16
  172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24
  192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
  240.0.0.0/4`);

/** The allocated part, without protocols (Teredo, benchmarks, ORCHID, ...), documentation, AS112. */
const PUBLIC_IPV6 = range("2000::/3");
const NOT_PUBLIC_IPV6 = ranges(`2001::/23 2001:db8::/32 2620:4f:8000::/48 3fff::/20`);

/** IPv6 that leads to an IPv4 address: where its last bit is, and whether it can lead outside. */
const WRAPPERS = [
  { range: range("::ffff:0:0/96"), shift: 0n, outside: true }, // IPv4-mapped
  { range: range("64:ff9b::/96"), shift: 0n, outside: true }, // NAT64
  { range: range("2002::/16"), shift: 80n, outside: true }, // 6to4
  { range: range("64:ff9b:1::/48"), shift: 0n, outside: false }, // NAT64 of the local network
  { range: range("::ffff:0:0:0/96"), shift: 0n, outside: false }, // IPv4-translated
  { range: range("::/96"), shift: 0n, outside: false }, // IPv4-compatible, and ::1
];

function ipv4Kind(bits: bigint): AddressKind {
  if (METADATA.some((entry) => within(bits, 32, entry))) return "metadata";
  return NOT_PUBLIC_IPV4.some((entry) => within(bits, 32, entry)) ? "private" : "public";
}

function ipv6Kind(bits: bigint): AddressKind {
  if (METADATA.some((entry) => within(bits, 128, entry))) return "metadata";
  const wrapper = WRAPPERS.find((entry) => within(bits, 128, entry.range));
  if (wrapper) {
    const kind = ipv4Kind(bits >> wrapper.shift & 0xffff_ffffn);
    return kind === "public" && !wrapper.outside ? "private" : kind;
  }
  if (!within(bits, 128, PUBLIC_IPV6)) return "private";
  return NOT_PUBLIC_IPV6.some((entry) => within(bits, 128, entry)) ? "private" : "public";
}

/** @param address as a resolver gives it: dotted IPv4, or IPv6 without brackets */
export function addressKind(address: string): AddressKind {
  if (isIPv4(address)) return ipv4Kind(ipv4Bits(address));
  const bits = isIPv6(address) ? ipv6Bits(address) : undefined;
  return bits === undefined ? "invalid" : ipv6Kind(bits);
}
